// What the package weighs, and what a bundler makes of it: budgets, and who gets the code of which runtime.

import { assert, assertEquals } from "@std/assert";
import { build as bundle, type BuildOptions } from "esbuild";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { test } from "../support/test.ts";
import { packed, unpack } from "./packed.ts";
import { skip, withFolder } from "./support.ts";

/** In KiB, minified and compressed by gzip, everything in one file. To raise one is a decision: more is loaded by each user. */
const budgets: Record<string, readonly [program: string, limit: number]> = {
  connect: [`import { connect } from "@sansocket/ws"; connect("ws://localhost/");`, 40],
  WebSocket: [`import { WebSocket } from "@sansocket/ws"; new WebSocket("ws://localhost/");`, 43],
  serve: [`import { serve } from "@sansocket/ws"; serve({ websocket: () => {} });`, 56],
};

/** The text of a program with all that it imports. */
async function bundled(contents: string, options: BuildOptions = {}): Promise<string> {
  let text = "";
  await withFolder(async (resolveDir) => {
    await unpack(resolveDir);
    const { outputFiles = [] } = await bundle({
      stdin: { contents, resolveDir },
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      logLevel: "silent",
      ...options,
    });
    text = outputFiles[0]?.text ?? "";
  });
  assert(text.length > 0);
  return text;
}

test("npm package takes at most 300 KB, without source maps, each declaration once", async () => {
  assert((await packed()).length <= 300_000, `${(await packed()).length} octets`);
  await withFolder(async (folder) => {
    const files = await readdir(await unpack(folder), { recursive: true });
    const outside = files.filter((file) => !/^dist(?:$|\/[\w-]+(?:\.d)?\.c?[jt]s$)/.test(file));
    assertEquals(outside.sort(), ["CHANGELOG.md", "LICENSE", "README.md", "package.json"]);
    for (const file of files.filter((file) => file.endsWith(".d.ts"))) {
      const text = await readFile(join(folder, "node_modules/@sansocket/ws", file), "utf8");
      assertEquals(text, `export * from "./${file.slice(5, -5)}.cjs";\n`);
    }
  });
}, { skip });

for (const [name, [program, limit]] of Object.entries(budgets)) {
  test(`npm package makes at most ${limit} KiB of a bundle with ${name}`, async () => {
    const size = gzipSync(await bundled(program, { minify: true }), { level: 9 }).length / 1024;
    assert(size <= limit, `${name} takes ${size.toFixed(2)} KiB, which may be ${limit}`);
  }, { skip });
}

test("npm package gives a bundler the code of the runtime that its conditions name", async () => {
  const marks = { node: "reusePort needs Node", deno: "DenoTransport", bun: "BunTransport" };
  const program = `import { connect, serve } from "@sansocket/ws"; serve(connect);`;
  const held = async (conditions: string[], platform: "node" | "neutral") => {
    const text = await bundled(program, { conditions, platform, external: ["node:*"] });
    return Object.entries(marks).filter(([, mark]) => text.includes(mark)).map(([key]) => key);
  };
  assertEquals(await held([], "node"), ["node"]);
  assertEquals(await held(["deno"], "node"), ["deno"]);
  assertEquals(await held(["bun"], "node"), ["bun"]);
  assertEquals(await held([], "neutral"), ["node", "deno", "bun"]);
}, { skip });
