export { welcome as default } from "../own/index.ts";
