import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes half a minute or more, the longest first. */
const long = [
  "test/package/clean-clone.test.ts",
  "test/replay/deploy.test.ts",
  "test/stack/killed-owner.test.ts",
  "test/jobs/crashes.test.ts",
  "test/cli/dev.test.ts",
  "test/cli/effects.test.ts",
  "test/office/offices.test.ts",
  "test/redrive/crashes.test.ts",
  "test/letters/continue-as-new.test.ts",
];

/**
 * Begins each project with its long files: one that comes last runs alone while the other processors have nothing to do. Vitest
 * knows by itself only what took long in this clone before, and takes large files for long ones where it doesn't.
 */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = long.indexOf(relative(this.ctx.config.root, moduleId));
      return found === -1 ? long.length : found;
    };
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project))];
    return projects.flatMap((project) =>
      sorted.filter((file) => file.project === project).toSorted((a, b) => place(a) - place(b)),
    );
  }
}
