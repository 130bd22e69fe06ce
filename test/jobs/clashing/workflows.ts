export { welcome as ship } from "../own/index.ts";
