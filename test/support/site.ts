// A site of a few pages with the theme of the documentation, built by VitePress: for tests of the
// components, which need no reference and no search.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./process.ts";

/**
 * Builds a site.
 *
 * @param pages The pages, from the folder docs/.
 * @param body Gets the folder with the files, which goes afterwards.
 */
export async function withSite(
  pages: readonly string[],
  body: (folder: string) => Promise<void>,
): Promise<void> {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache", "site-"));
  try {
    for (const page of pages) cpSync(join(root, "docs", page), join(folder, page));
    mkdirSync(join(folder, ".vitepress/theme"), { recursive: true });
    writeFileSync(
      join(folder, ".vitepress/theme/index.ts"),
      'export { default } from "../../../../docs/.vitepress/theme/index.ts";\n',
    );
    const core = JSON.stringify(join(root, "src/core.ts"));
    writeFileSync(
      join(folder, ".vitepress/config.ts"),
      `export default {
  head: [["link", { rel: "icon", href: "data:," }]],
  ignoreDeadLinks: true,
  vite: { resolve: { alias: { "@sansocket/ws/core": ${core} } } },
};
`,
    );
    const build = run(["node", "node_modules/vitepress/bin/vitepress.js", "build", folder]);
    if (await build.exit !== 0) throw new Error(build.output());
    await body(join(folder, ".vitepress/dist"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
