import { defineJob } from "dead-letter-office";
import { rawMovie } from "./raw-movie.ts";

/**
 * The contract of the job `import-movie`: what app services import to start it, without the code that does it.
 *
 * A catalogue that does not answer is asked four times within two seconds; a record that it refuses is not sent again.
 */
export const importMovie = defineJob({
  name: "import-movie",
  input: rawMovie,
  activity: {
    startToCloseTimeout: "10 seconds",
    retry: {
      maximumAttempts: 4,
      initialInterval: "300 milliseconds",
      nonRetryableErrorTypes: ["BadRecord"],
    },
  },
  deadLetter: { queue: "movies" },
  key: ({ Title }) => (Title === null ? undefined : String(Title)),
});
