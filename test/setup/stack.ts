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

export default async function setup(project: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), "dlo-test-"));
  const stack = await startStack({
    folder,
    temporalPort: 0,
    uiPort: 0,
    postgresPort: 0,
    progress: (line) => console.log(`stack: ${line}`),
  });
  const template = "dlo_template";
  const admin = new URL(stack.info.postgres.url);
  admin.pathname = "/postgres";
  const sql = postgres(admin.toString(), { max: 1, onnotice: () => undefined });
  await sql.unsafe(`create database ${template}`);
  await sql.end();
  const templateUrl = new URL(admin);
  templateUrl.pathname = `/${template}`;
  await migrateDatabase(templateUrl.toString());
  project.provide("stack", {
    address: stack.info.temporal.address,
    ui: stack.info.temporal.ui,
    adminUrl: admin.toString(),
    template,
  });
  return async () => {
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
