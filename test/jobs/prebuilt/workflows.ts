import { contractsOf, supervise } from "../../../workflows/index.ts";
import { ship } from "../ship.ts";

export { welcome } from "../own/index.ts";
export default supervise(contractsOf([ship]));
