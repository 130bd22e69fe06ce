// No bundler can tell the names of these exports.
for (const name of ["ship"]) exports[name] = async () => "taken";
