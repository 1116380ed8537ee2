// Which files of the repository the site shows, and the address of each.
//
// 1. A page is a Markdown file in docs/, or one of those beside it.
// 2. Any other file or folder that a page links to has a page with its text, or its list of files,
//    below /source/. So the site needs no other host to show a test or an example.
// 3. The generator makes the pages of folders and examples. Those of other files are plainer
//    (text_pages.ts).

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** Pages that stand outside of docs/. */
export const topPages: readonly string[] = [
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "README.md",
  "SECURITY.md",
];

/** Folders of docs/ whose pages are made by a program: they link to one another alone. */
const generated = ["docs/reference/api", "docs/source"];

/** Files above this size, in octets, have no page: lock files and recordings. */
const LARGEST_SOURCE = 200_000;

/** The pages that people write, as paths in the repository. */
export function writtenPages(): string[] {
  const found = readdirSync(root + "docs", { recursive: true, encoding: "utf8" })
    .map((path) => `docs/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".md") && !path.startsWith("docs/.vitepress/"))
    .filter((path) => !generated.some((folder) => path.startsWith(`${folder}/`)));
  return [...topPages, ...found].sort();
}

/** What a link leads to. */
interface Target {
  /** The file or folder in the repository. */
  readonly path: string;
  /** What stands behind it, with its `#`; "" without. */
  readonly hash: string;
}

/** What a link of a page leads to; undefined if it is no link to a file. */
function targetOf(page: string, href: string): Target | undefined {
  if (/^(?:[a-z]+:|[#/])/i.test(href) || /\.(?:png|svg)$/.test(href) || href === "") {
    return undefined;
  }
  const [path = "", hash] = decodeURI(href).split("#");
  const target = posix.join(posix.dirname(page), path).replace(/\/$/, "");
  return { path: target, hash: hash === undefined ? "" : `#${hash}` };
}

function isPage({ path }: Target): boolean {
  return (path.startsWith("docs/") && path.endsWith(".md")) || topPages.includes(path);
}

/**
 * The address that a link of a page has on the site.
 *
 * @param page The page's path in the repository.
 * @param href The link as it stands there.
 * @returns The address with its leading slash; undefined if it is no link to a file.
 */
export function addressOf(page: string, href: string): string | undefined {
  const target = targetOf(page, href);
  if (target === undefined) return undefined;
  const { path, hash } = target;
  return (isPage(target) ? `/${path.replace(/^docs\//, "")}` : sourceAddress(path)) + hash;
}

/** The address of a source's page. */
export function sourceAddress(source: string): string {
  return `/source/${sourceName(source)}${isText(source) ? ".html" : ""}`;
}

/** Whether a source is a file that needs no colours: any but an example. */
export function isText(source: string): boolean {
  const stats = statSync(root + source, { throwIfNoEntry: false });
  return !source.startsWith("examples/") && stats?.isFile() === true;
}

/** The files and folders that pages link to and that are no pages, as paths in the repository. */
export function linkedSources(): string[] {
  const sources = new Set<string>();
  for (const page of writtenPages()) {
    for (const [, href = ""] of readFileSync(root + page, "utf8").matchAll(/\]\(([^)\s]+)\)/g)) {
      const target = targetOf(page, href);
      if (target === undefined || isPage(target) || !existsSync(root + target.path)) continue;
      for (const source of [target.path, ...filesIn(target.path)]) sources.add(source);
    }
  }
  return [...sources].sort();
}

/** The name of a source's page. A dot would make it one of another kind of file. */
export function sourceName(source: string): string {
  return source.replaceAll(".", "_");
}

/** The text of a source's page, in Markdown. */
export function sourcePage(source: string): string {
  if (statSync(root + source).isDirectory()) {
    const links = filesIn(source).map((file) => `- [${file}](../../${file})`);
    return `# ${source}\n\n${links.join("\n")}\n`;
  }
  const text = readFileSync(root + source, "utf8");
  return `# ${source}\n\n~~~~~~~~${posix.extname(source).slice(1)}\n${text}\n~~~~~~~~\n`;
}

/** The files of a folder that have a page; none if it is a file. */
function filesIn(source: string): string[] {
  if (!statSync(root + source).isDirectory()) return [];
  return readdirSync(root + source, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map(({ name }) => `${source}/${name}`)
    .filter((file) => statSync(root + file).size <= LARGEST_SOURCE);
}
