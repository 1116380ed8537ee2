// Links as they stand in the repository, turned into addresses of the site.

import type MarkdownIt from "markdown-it";
import { relative } from "node:path";
import { addressOf, root } from "./repository.ts";

/** Has the renderer replace links to files, before it renders them as its own links. */
export function rewriteLinks(md: MarkdownIt): void {
  md.core.ruler.push("repository-links", ({ tokens, env }) => {
    const page = relative(root, env.realPath ?? env.path).replaceAll("\\", "/");
    if (page.startsWith("docs/reference/api/")) return;
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== "link_open") continue;
      const address = addressOf(page, token.attrGet("href") ?? "");
      if (address !== undefined) token.attrSet("href", address);
    }
  });
}
