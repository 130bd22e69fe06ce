// A default export is what the test is about.
// oxlint-disable-next-line import/no-default-export
export { welcome as default } from "../own/index.ts";
