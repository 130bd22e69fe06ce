import { contractsOf, supervise } from "../../../workflows/index.ts";
import { ship } from "../ship.ts";

export { welcome } from "../own/index.ts";
// Temporal calls a bundle's default export for all types that have none of their own.
// oxlint-disable-next-line import/no-default-export
export default supervise(contractsOf([ship]));
