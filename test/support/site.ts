// The site that `npm run docs` has built.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { serve, serveFiles, type Server } from "@sansocket/ws";
import { writtenPages } from "../../docs/.vitepress/repository.ts";
import { root } from "./process.ts";

/** The folder of the site. */
export const siteFolder: string = join(root, "docs/.vitepress/dist");

/**
 * Serves the site, as any server of files would.
 *
 * @returns The server.
 * @throws {Error} If the site is not built, or is older than one of its pages or of its own files.
 */
export async function serveSite(): Promise<Server> {
  const built = statSync(join(siteFolder, "index.html"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const own = readdirSync(join(root, "docs/.vitepress"), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(?:ts|vue|css)$/.test(path) && !/^(?:dist|cache)/.test(path))
    .map((path) => `docs/.vitepress/${path}`);
  const changed = [...writtenPages(), ...own]
    .filter((path) => statSync(join(root, path)).mtimeMs > built);
  if (changed.length > 0) {
    throw new Error(`Build the site by "npm run docs": it is older than ${changed.join(", ")}`);
  }
  return await serve({ port: 0, routes: { "/*": serveFiles(siteFolder) } });
}
