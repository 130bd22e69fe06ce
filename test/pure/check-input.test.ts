import { expect, test } from "vitest";
import { z } from "zod";
import { checkInput } from "../../model/check-input.ts";

const schema = z.object({
  title: z.string(),
  tags: z.array(z.object({ name: z.string() })),
  year: z.coerce.number().optional(),
});

test("a valid input comes back as the schema makes it", async () => {
  expect(await checkInput(schema, { title: "a", tags: [], year: "1946" })).toEqual({
    valid: true,
    value: { title: "a", tags: [], year: 1946 },
  });
});

test("every violation is listed with its place", async () => {
  expect(await checkInput(schema, { title: 1, tags: [{ name: "x" }, { name: 2 }] })).toEqual({
    valid: false,
    violations: [expect.stringMatching(/^title: /), expect.stringMatching(/^tags\[1\]\.name: /)],
  });
  expect(await checkInput(schema, undefined)).toMatchObject({
    valid: false,
    violations: [expect.not.stringContaining(": undefined: ")],
  });
});

test("of very many violations a hundred are listed, with how many more there are", async () => {
  const checked = await checkInput(z.array(z.string()), Array(250).fill(1));
  expect(checked).toMatchObject({ valid: false });
  if (checked.valid) return;
  expect(checked.violations).toHaveLength(101);
  expect(checked.violations.at(-1)).toBe("… and 150 more");
});
