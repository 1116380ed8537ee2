// Writes docs/reference/options.md: `npm run docs:options`. With --check it only says whether that would change the page.

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { formatPage } from "./page.ts";

const path = fileURLToPath(new URL("../../docs/reference/options.md", import.meta.url));
const page = formatPage();
if (!process.argv.includes("--check")) writeFileSync(path, page);
else if (readFileSync(path, "utf8") !== page) {
  console.error(
    "docs/reference/options.md is not what the docstrings say: run npm run docs:options",
  );
  process.exitCode = 1;
}
