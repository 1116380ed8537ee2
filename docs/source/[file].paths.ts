// The pages of /source/, one for each file that a page links to; [file].md is their frame.

import { linkedSources, sourceName, sourcePage } from "../.vitepress/repository.ts";

/** A page, as the site's generator takes it. */
interface SourcePage {
  readonly params: { readonly file: string };
  readonly content: string;
}

export default {
  paths: (): SourcePage[] =>
    linkedSources().map((source) => ({
      params: { file: sourceName(source) },
      content: sourcePage(source),
    })),
};
