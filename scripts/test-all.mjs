// npm run test:all: what `npm test` and `npm run test:foreign` run, and one count of both. Both run, whatever came of the first.
import { conclude } from "./run-tests.mjs";
import { test } from "./test.mjs";
import { testForeign } from "./test-foreign.mjs";

const own = await test();
conclude(own, await testForeign());
