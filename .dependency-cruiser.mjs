import swc from "@swc/core/Visitor.js";

/**
 * The import arrows: the folders are the architecture.
 *
 * Each row: a folder, the folders it may import besides itself, and what to do when that is not enough.
 * A type-only import counts like any other; a type that two layers share lives in model/.
 */
const layout = [
  layer("model", "", "The vocabulary, pure: move the code that needs more to its own layer."),
  layer("workflows", "model", "Deterministic: declare an activity in model/, implement it in activities/."),
  layer("schema", "model", "Tables and the queries over them: take what a query needs as an argument."),
  layer("activities", "model schema", "Acts on the world: take clients and connections as the factory's arguments."),
  layer("connect", "model stack", "Finds the servers, for all who need one: opening and using it is theirs."),
  layer("worker", "model workflows activities schema connect", "Runs the code: share types through model/."),
  layer("client", "model schema workflows connect", "Loaded by apps that only start jobs: keep it light."),
  layer("setup", "model schema connect", "Prepares servers that run: let the caller start them."),
  layer("cli", "model client worker connect setup stack", "The dlo command: ask client/ for letters, not schema/."),
  layer("testing", "model client worker connect setup stack", "For users' own tests: build it from what users have."),
  layer("stack", "", "Embedded servers, knows nothing of letters: let the caller set them up."),
];

/** What workflow code may load from npm, itself or by way of model/. What is added must be deterministic and free of Node. */
const replayable = [
  "@standard-schema/spec",
  "@temporalio/common",
  "@temporalio/workflow",
  "@types/ms",
  "error-stack-parser-es",
  "fastest-levenshtein",
  "ms",
];

export default {
  forbidden: [
    ...layout,
    {
      name: "workflows-reach-only-what-replays",
      severity: "error",
      comment:
        "Workflow code reaches no Node built-in and no npm module but the replayable ones, not even by way of model/: let an activity do it, or split the file in model/ so that workflows import its pure half.",
      from: { path: "^workflows/", pathNot: "[.]test[.]ts$" },
      // Paths that start with a dot did not resolve; every-import-resolves reports those.
      to: { reachable: true, pathNot: `^(workflows|model)/|^[.]|(^|/)node_modules/(${replayable.join("|")})/` },
    },
    {
      name: "no-cycles",
      severity: "error",
      comment:
        "Two files that need each other are one idea, or hide a third: move what both need to a file of its own.",
      from: {},
      to: { circular: true },
    },
    {
      name: "every-import-resolves",
      severity: "error",
      comment: "No such file or package: mend the path, or add the package to package.json.",
      from: {},
      to: { couldNotResolve: true, pathNot: "^dead-letter-office(/|$)" },
    },
    {
      name: "shipped-code-needs-shipped-packages",
      severity: "error",
      comment:
        "Users don't get devDependencies: move the package to dependencies or peerDependencies, or do without it.",
      from: { path: `^(${layout.map((rule) => rule.name).join("|")})/`, pathNot: "[.]test[.]ts$" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg"], dependencyTypesNot: ["npm", "npm-peer", "npm-optional"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|[.]dlo|[.]test)/" },
    // TypeScript 7 has no compiler API, so swc reads the sources. It does not tell type-only imports from others.
    parser: "swc",
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};

knowUsing(swc.Visitor.prototype);

/** The folder imports itself, the folders named, npm and Node, and no other folder of this repository. */
function layer(folder, imports, advice) {
  const allowed = [folder, ...imports.split(" ").filter(Boolean)];
  return {
    name: folder,
    severity: "error",
    comment: `${folder}/ imports ${imports === "" ? "no other folder" : `only ${imports.replaceAll(" ", ", ")}`}. ${advice}`,
    from: { path: `^${folder}/`, pathNot: "[.]test[.]ts$" },
    to: { path: "^[^/]+/", pathNot: `^(${allowed.join("|")})/|(^|/)node_modules/`, dependencyTypes: ["local"] },
  };
}

/** swc's visitor stops at `using`, which declares variables as const does. */
function knowUsing(visitor) {
  const { visitStatement } = visitor;
  visitor.visitStatement = function visitStatementOrUsing(statement) {
    if (statement.type !== "UsingDeclaration") return visitStatement.call(this, statement);
    this.visitVariableDeclarators(statement.decls);
    return statement;
  };
}
