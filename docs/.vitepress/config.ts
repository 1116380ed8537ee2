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
    const main = /ws.(?:classes|functions|interfaces|type-aliases|variables)/.test(id);
    return (main ? 0.1 : 0.05) * top * top;
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

/** A plug, as the site's icon. */
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <rect width="32" height="32" rx="7" fill="#3451b2"/>
  <path d="M11 6v7M21 6v7M8 13h16v3a8 8 0 0 1-16 0zM16 24v4" fill="none" stroke="#fff"
    stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>
</svg>`;

export default defineConfig({
  title: "sansocket",
  description: metadata.description,
  lang: "en",
  // The repository's folder, for the pages outside of docs/.
  srcDir: "..",
  srcExclude: ["{bench,coverage,examples,runtimes,src,test}/**"],
  rewrites: (path) => path.replace(/^docs\//, ""),
  cacheDir: fileURLToPath(new URL("../../.cache/vitepress", import.meta.url)),
  head: [["link", { rel: "icon", href: `data:image/svg+xml,${encodeURIComponent(icon)}` }]],
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
