import { defineConfig } from "dead-letter-office";
import { startCatalogue } from "./examples/movies/catalogue.ts";
import { importInto } from "./examples/movies/import-movie-handler.ts";

// In a clone, `dlo dev` runs the example's job and the catalogue; `dlo worker` finds a catalogue by this variable.
let catalogueUrl = process.env["CATALOGUE_URL"];

export default defineConfig({
  jobs: [
    importInto(() => {
      if (catalogueUrl === undefined) throw new Error("No catalogue is known: run dlo dev, or set CATALOGUE_URL.");
      return catalogueUrl;
    }),
  ],
  dev: [
    async ({ folder, say }) => {
      const catalogue = await startCatalogue({ folder });
      catalogueUrl = catalogue.url;
      say(`The catalogue of movies answers at ${catalogue.url}/movies.`);
      return catalogue.stop;
    },
  ],
});
