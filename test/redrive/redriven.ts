import type { Redrive } from "../../client/index.ts";
import { expect } from "vitest";
import { isOver } from "../../model/redrive.ts";
import type { PostOffice } from "../setup/post-office.ts";

/** What a run that has nothing to complain of returns. */
export const succeeds = () => "delivered";

/** Dead letters of jobs `<batch>-0`, `<batch>-1` …, in the order in which they died; `payload.to=<batch>` finds just these. */
export async function deadOnes(office: PostOffice, batch: string, n: number): Promise<string[]> {
  const ids = Array.from({ length: n }, (_, i) => `${batch}-${i}`);
  for (const id of ids) await office.dead(id, { to: batch });
  return ids;
}

/** Follows a redrive until it has ended or stopped. */
export async function ended(office: Pick<PostOffice, "dlo">, id: string): Promise<Redrive> {
  for await (const redrive of office.dlo.redrives.follow(id, { everyMs: 50 }))
    if (isOver(redrive)) return balanced(redrive);
  return balanced(await office.dlo.redrives.get(id));
}

/** The balance: every letter is somewhere, and nowhere twice. */
export function balanced(redrive: Redrive): Redrive {
  const { items, waiting, running, recovered, diedAgain, done, refused, skipped } = redrive.counts;
  expect(waiting + running + recovered + diedAgain + done + refused + skipped).toBe(items);
  return redrive;
}

/** `workflow id: state`, in the order of the items. */
export async function outcomes(office: PostOffice, id: string): Promise<string[]> {
  return (await office.dlo.redrives.items(id)).map(({ workflowId, state }) => `${workflowId}: ${state}`);
}
