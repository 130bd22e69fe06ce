import type { Category } from "../model/category.ts";

/** An input that its job's schema refuses, found in the worker: the job was not started by our client. */
export class InvalidInput extends Error {
  override readonly name = "InvalidInput";
  readonly violations: readonly string[];
  constructor(job: string, violations: readonly string[]) {
    super(`The input is not valid for ${job}: ${violations.join("; ")}`);
    this.violations = violations;
  }
}

/** What `ctx.deadLetter` throws. */
export class GivenUp extends Error {
  override readonly name = "GivenUp";
  readonly category: Category | undefined;
  readonly details: unknown;
  constructor(message: string, category: Category | undefined, details: unknown) {
    super(message);
    this.category = category;
    this.details = details;
  }
}
