import type { Sql } from "postgres";
import { errorCodeOf } from "../model/office-error.ts";
import { driverError, textOf, whyUnreachable } from "./driver-error.ts";

/**
 * Makes a transaction whose connection is lost fail like any other query.
 *
 * postgres.js 3.4.9 would write its next statement, or the rollback, to the connection that has gone, from where no caller can
 * catch what happens: the process ends (its issue 1208). So nothing is written any more; the server has rolled back by itself.
 */
export function outliveLoss(client: Sql): Sql {
  const begin = client.begin.bind(client) as unknown as Begin;
  const safely: Begin = async (...given) => {
    const work = given.pop() as Work;
    return await new Promise((resolve, reject) => {
      let lost: Error | undefined;
      const refuse = (error: Error) => {
        if (isLoss(error)) lost ??= error;
        reject(error);
      };
      begin(...given, async (tx: object) => {
        try {
          return await work(refusingOnce(tx, () => lost));
        } catch (error) {
          if (!(error instanceof Error) || !isLoss(error)) throw error;
          refuse(error);
          // As long as this is not settled, there is no rollback.
          return await new Promise(() => undefined);
        }
      }).then(resolve, refuse);
    });
  };
  return Object.assign(client, { begin: safely });
}

type Work = (tx: unknown) => unknown;
type Begin = (...given: [...options: unknown[], work: unknown]) => Promise<unknown>;

/** The transaction's client, which throws once the connection is lost. */
function refusingOnce(tx: object, lost: () => Error | undefined): object {
  const checked = <Result>(call: () => Result): Result => {
    const error = lost();
    if (error !== undefined) throw error;
    return call();
  };
  return new Proxy(tx, {
    apply: (target, self, args) => checked(() => Reflect.apply(target as () => unknown, self, args) as unknown),
    get(target, key) {
      const value = Reflect.get(target, key) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => checked(() => Reflect.apply(value, target, args) as unknown);
    },
  });
}

function isLoss(error: Error): boolean {
  const code = textOf(driverError(error), "code");
  return errorCodeOf(error) === "DATABASE_UNREACHABLE" || (code !== undefined && whyUnreachable(code) !== undefined);
}
