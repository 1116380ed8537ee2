// The site, built from the same pages that are read in the repository: `npm run docs`.
//
// 1. Its sources are docs/ and the other pages of the repository; the addresses leave out "docs/".
// 2. Links and headings have the addresses that they have in the repository (links.ts, slug.ts).
// 3. It asks no other host for anything: fonts, search and the reference are files of its own.

import { fileURLToPath } from "node:url";
import { defineConfig, type MarkdownRenderer } from "vitepress";
import llms from "vitepress-plugin-llms";
import metadata from "../../package.json" with { type: "json" };
import tsconfig from "../../tsconfig.json" with { type: "json" };
import { rewriteLinks } from "./links.ts";
import { root } from "./repository.ts";
import { groups, sidebar } from "./sidebar.ts";
import { slug } from "./slug.ts";
import { icon, textPages } from "./text_pages.ts";

/** The file of an entry point, for the programs that a page runs. */
const core: string = tsconfig.compilerOptions.paths["@sansocket/ws/core"][0]!;

/** Pages of wide tables, or of files. */
const wide =
  /^(?:comparison|conformance|interop|migrating|performance|reference\/(?:errors|options)\.|source\/)/;

/** Pages whose tables compare: the first column stays in sight while the others scroll. */
const compared = /^(?:comparison\.|README\.)/;

/**
 * What a result of the search is worth, by its address. The reference has each name many times, and
 * would hide the guides. Functions of the search run in the page, so they use nothing from here.
 */
const worth = (
  id: string,
  term: string,
  { titles }: { readonly titles?: readonly string[] } = {},
): number => {
  const top = titles?.length === 0 ? 2 : 1;
  if (id.startsWith("/reference/api/")) {
    const main = /ws.(?:#|classes|functions|interfaces)/.test(id);
    // A name has its page, or a section of the page of its entry point.
    const name = titles?.length === (id.includes("/#") ? 2 : 0);
    return (main ? 0.1 : 0.05) * (name ? 4 : 1);
  }
  // Names of options are long, and the tables that list them are too long to count for much.
  if (id.startsWith("/reference/options")) return term.length > 11 ? 3 : 1;
  if (id.startsWith("/reference/errors")) return 1.5;
  return /^.(?:guides|learn.(?!tutorial)|deploy|migrating)/.test(id) ? top : 0.4 * top;
};

/** Which words of the search may be misspelt: of the short ones, too many are alike. */
const fuzzy = (term: string): number | false => term.length > 5 && 0.2;

/** Renders a page for the index of the search, which needs no colours. */
function renderForSearch(text: string, env: unknown, md: MarkdownRenderer): string {
  const { highlight } = md.options;
  md.set({ highlight: null });
  try {
    return md.render(text, env);
  } finally {
    md.set({ highlight });
  }
}

export default defineConfig({
  title: "sansocket",
  description: metadata.description,
  lang: "en",
  // The repository's folder, for the pages outside of docs/.
  srcDir: "..",
  srcExclude: ["{bench,coverage,examples,runtimes,src,test}/**"],
  rewrites: (path) => path.replace(/^docs\//, ""),
  // The list of all pages in a file of its own, instead of in each page.
  metaChunk: true,
  cacheDir: fileURLToPath(new URL("../../.cache/vitepress", import.meta.url)),
  head: [["link", { rel: "icon", href: icon }]],
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    anchor: { slugify: slug },
    languageAlias: { caddy: "nginx", haproxy: "nginx", mjs: "js" },
    config: (md) => md.use(rewriteLinks),
  },
  transformPageData(page) {
    const classes: string[] = [];
    if (wide.test(page.relativePath)) {
      page.frontmatter.aside = false;
      classes.push("wide");
    }
    if (compared.test(page.relativePath)) classes.push("compared");
    if (classes.length > 0) page.frontmatter.pageClass = classes.join(" ");
  },
  themeConfig: {
    outline: [2, 3],
    sidebar,
    nav: [
      { text: "Learn", link: "/learn/first-server", activeMatch: "^/learn/" },
      { text: "Guides", link: "/guides/routes", activeMatch: "^/guides/" },
      { text: "Look up", link: "/reference/errors", activeMatch: "^/reference/" },
      { text: "Comparison", link: "/comparison" },
    ],
    search: {
      provider: "local",
      options: {
        _render: renderForSearch,
        miniSearch: { searchOptions: { boostDocument: worth, fuzzy } },
      },
    },
    notFound: {
      title: "There is no such page",
      quote: "The search above finds pages by their words, and the home page lists where to begin.",
      linkText: "Home",
      linkLabel: "To the home page",
    },
  },
  vite: {
    plugins: [
      textPages,
      {
        // What renders the pages needs no index of the search, nor is it sent to anyone.
        name: "renderer",
        apply: (_, { isSsrBuild }) => isSsrBuild === true,
        config: () => ({ build: { rollupOptions: { treeshake: false } } }),
        load: (id) => id === "/@localSearchIndex" ? "export default {}" : undefined,
      },
      llms({
        injectLLMHint: false,
        excludeIndexPage: false,
        ignoreFiles: ["docs/{source,reference/api}/**"],
        // Without what leads into a page, which would be listed again.
        sidebar: groups.map((group) => ({
          ...group,
          items: group.items.filter(({ link }) => !link.includes("#")),
        })),
      }),
    ],
    resolve: { alias: { "@sansocket/ws/core": root + core } },
    build: { chunkSizeWarningLimit: 5_000 },
  },
});
