// Links as they stand in the repository, turned into addresses of the site.

import type MarkdownIt from "markdown-it";
import { posix, relative } from "node:path";
import { addressOf, root } from "./repository.ts";

/** Has the renderer replace links to files, before it renders them as its own links. */
export function rewriteLinks(md: MarkdownIt): void {
  md.core.ruler.push("repository-links", ({ tokens, env }) => {
    const page = relative(root, env.realPath ?? env.path).replaceAll("\\", "/");
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== "link_open") continue;
      const href = token.attrGet("href") ?? "";
      if (page.startsWith("docs/reference/api/")) {
        // To TypeDoc, the parameter of Route<Data> is a first RouteData on the entry point's page.
        if (posix.join(page, "..", href).includes("/index.md#")) {
          token.attrSet("href", href.replace(/-1$/, ""));
        }
        continue;
      }
      const address = addressOf(page, href);
      if (address === undefined) continue;
      token.attrSet("href", address);
      // A page that the generator has not made is loaded by the browser.
      if (address.startsWith("/source/") && /\.html(?:#|$)/.test(address)) {
        token.attrSet("target", "_self");
      }
    }
  });
}
