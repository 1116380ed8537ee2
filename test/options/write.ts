// Writes docs/options.md: `npm run docs`. With --check it only says whether that would change the page.

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { formatPage } from "./page.ts";

const path = fileURLToPath(new URL("../../docs/options.md", import.meta.url));
const page = formatPage();
if (!process.argv.includes("--check")) writeFileSync(path, page);
else if (readFileSync(path, "utf8") !== page) {
  console.error("docs/options.md is not what the docstrings say: run npm run docs");
  process.exitCode = 1;
}
