import { ownCommand } from "./own-command.ts";
import { notice, print } from "./output-flag.ts";
import { sayError } from "./report-error.ts";

/**
 * What `dlo` alone shows on a terminal: what is open, by cause, and where to go on.
 *
 * @returns false where no database is known, and there is nothing to show but the help
 */
export async function showOverview(): Promise<boolean> {
  const [{ findTarget }, { withReader }, { overviewText }] = await Promise.all([
    import("../connect/target.ts"),
    import("./open-reader.ts"),
    import("./overview-text.ts"),
  ]);
  const { database, temporal } = findTarget();
  if (database === undefined) return false;
  try {
    const overview = await withReader({}, async (reader) => {
      const { namespace } = temporal;
      const [totals, health, page] = await Promise.all([
        reader.openTotals(),
        reader.health({ namespace }),
        reader.causes.list({ status: "open" }, { state: "all", limit: shownCauses }),
      ]);
      return { namespace, ...totals, oldestAt: health.oldestAt, top: page.causes };
    });
    print(overviewText(overview, process.stdout.columns));
  } catch (error) {
    sayError(error);
    process.exitCode = 1;
  }
  notice(`For all commands: ${ownCommand} --help`);
  return true;
}

const shownCauses = 10;
