// The pages of /source/ that the generator makes; [file].md is their frame.

import { isText, linkedSources, sourceName, sourcePage } from "../.vitepress/repository.ts";

/** A page, as the site's generator takes it. */
interface SourcePage {
  readonly params: { readonly file: string };
  readonly content: string;
}

export default {
  paths: (): SourcePage[] =>
    linkedSources().filter((source) => !isText(source)).map((source) => ({
      params: { file: sourceName(source) },
      content: sourcePage(source),
    })),
};
