/** How this command was called, for commands to copy: where `npx` found it, the shell alone does not. */
export const ownCommand = process.env["npm_lifecycle_event"] === "npx" ? "npx dlo" : "dlo";
