// The README as npm and JSR show it: where its links and pictures lead.
//
// Both rewrite relative addresses for a repository on GitHub, each in its own way, and show the file
// as it was packed. What both make of an address must be the same, and must be there.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { slug } from "../../docs/.vitepress/slug.ts";
import { read } from "../structure/sources.ts";
import { test } from "../support/test.ts";
import { unpack } from "./packed.ts";
import { building, root, withFolder } from "./support.ts";

interface Link {
  readonly target: string;
  readonly picture: boolean;
}

const linksOf = (text: string): Link[] =>
  [...text.replace(/^```[^]*?^```/gm, "").matchAll(/(!?)\[(?:[^\]]|\n)*?\]\(([^)\s]+)\)/g)]
    .map(([, mark, target = ""]) => ({ target, picture: mark === "!" }));

const pictures = "https://raw.githubusercontent.com/owner/name/HEAD";
const files = "https://github.com/owner/name/blob/HEAD";

/** As npm's website does, for `repository` of package.json. */
function onNpm({ target, picture }: Link): string {
  return (picture ? pictures : files) + posix.resolve("/", target);
}

/** As JSR does, for the repository that the package is linked to. */
function onJsr({ target }: Link): string {
  return `${/\.(?:png|jpe?g|svg|webp|gif)$/.test(target) ? pictures : files}/${target}`;
}

test(
  "README.md's links and pictures work from npm and JSR, and in a clone",
  () =>
    withFolder(async (folder) => {
      const packed = await readFile(join(await unpack(folder), "README.md"), "utf8");
      assertEquals(packed, read("README.md")); // which JSR gets as it is
      const links = linksOf(packed).filter(({ target }) => !target.startsWith("https://"));
      assertGreater(links.length, 30);
      assertEquals(links.filter(({ picture }) => picture).length, 2);
      for (const link of links) {
        const [path = "", hash] = link.target.split("#");
        assert(!/^(?:\.|\/|[a-z]+:)/.test(link.target), `Expected a path, got ${link.target}`);
        assertEquals(onJsr(link), onNpm(link) + (path.endsWith("/") ? "/" : ""));
        assert(existsSync(join(root, path)), `Expected a file, got ${link.target}`);
        if (hash !== undefined) assert(anchorsOf(path).includes(hash), link.target);
      }
    }),
  building,
);

/** What a `#` may lead to on a page. */
function anchorsOf(path: string): string[] {
  const text = read(path);
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => slug(heading));
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id)];
}
