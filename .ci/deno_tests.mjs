// Deno starts an isolate for each test file that it is given, and loads the library and the tools anew
// in each. Given one module for each folder of test/, which imports the folder's tests, it takes 30 s of
// CPU time less.

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./setup.mjs";

/**
 * Writes these modules. Each prints how many tests a file has, as Deno itself does only for the module.
 *
 * @param {string} target Where to.
 * @returns {string[]} Their paths.
 */
export function writeDenoTests(target) {
  const folders = new Map();
  for (const file of readdirSync(join(root, "test"), { recursive: true }).sort()) {
    if (!file.endsWith("_test.ts")) continue;
    const folder = file.includes("/") ? file.slice(0, file.indexOf("/")) : "test";
    folders.set(folder, [...folders.get(folder) ?? [], url(file)]);
  }
  return [...folders].map(([folder, files]) => {
    const path = join(target, `${folder}_test.mjs`);
    writeFileSync(
      path,
      `import { registered } from ${JSON.stringify(url("support/test.ts"))};
let before = 0;
for (const file of ${JSON.stringify(files)}) {
  await import(file);
  console.log(\`loaded \${registered - before} tests from \${file}\`);
  before = registered;
}
`,
    );
    return path;
  });
}

/** The address of a file in test/. */
function url(file) {
  return pathToFileURL(join(root, "test", file)).href;
}
