import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import type { TestProject } from "vitest/node";
import { migrateDatabase } from "../../setup/migrate.ts";
import { startStack } from "../../stack/stack.ts";

/** Where the run's one stack is. Each test file opens a world of its own on it. */
export type SharedStack = {
  readonly address: string;
  readonly ui: string;
  /** Of Temporal's process. */
  readonly temporalPid: number;
  /** Of the database `postgres`, to make databases with. */
  readonly adminUrl: string;
  /** A migrated database, to be copied. */
  readonly template: string;
};

declare module "vitest" {
  interface ProvidedContext {
    stack: SharedStack;
  }
}

/** Vitest loads this file once for each of its projects, and they share one stack. */
const shared = globalThis as { dloTestStack?: { readonly opened: ReturnType<typeof openSharedStack>; users: number } };

export default async function setup(project: TestProject) {
  const used = (shared.dloTestStack ??= { opened: openSharedStack(), users: 0 });
  used.users++;
  const { stack, close } = await used.opened;
  project.provide("stack", stack);
  return async () => {
    if (--used.users > 0) return;
    delete shared.dloTestStack;
    await close();
  };
}

/** The stack by itself, for programs beside the tests. */
export async function openSharedStack(): Promise<{ stack: SharedStack; close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "dlo-test-"));
  const running = await startStack({
    folder,
    temporalPort: 0,
    uiPort: 0,
    postgresPort: 0,
    // Temporal's own number is 4,096 events: so letters continue as new within a test.
    dynamicConfig: { "limit.historyCount.suggestContinueAsNew": "200" },
    progress: (line) => console.log(`stack: ${line}`),
  });
  const template = "dlo_template";
  const admin = new URL(running.info.postgres.url);
  admin.pathname = "/postgres";
  const sql = postgres(admin.toString(), { max: 1, onnotice: () => undefined });
  await sql.unsafe(`create database ${template}`);
  await sql.end();
  const templateUrl = new URL(admin);
  templateUrl.pathname = `/${template}`;
  await migrateDatabase(templateUrl.toString());
  const { address, ui, pid } = running.info.temporal;
  return {
    stack: { address, ui, temporalPid: pid, adminUrl: admin.toString(), template },
    close: async () => {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
