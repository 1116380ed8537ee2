import { defineConfig, type Options } from "tsup";

/** `import()` of our own chunks as `require()`: Jest, and whatever else loads CommonJS by itself, has no `import()`. */
const requireChunks: NonNullable<Options["plugins"]>[number] = {
  name: "require-chunks",
  renderChunk(code) {
    if (this.format !== "cjs") return undefined;
    const loading = /\bimport\((["']\.\/[^"']+["'])\)/g;
    return { code: code.replace(loading, "Promise.resolve().then(() => require($1))") };
  },
};

export default defineConfig({
  entry: {
    mod: "mod.ts",
    core: "src/core.ts",
    node: "runtimes/node/mod.ts",
    deno: "runtimes/deno/mod.ts",
    bun: "runtimes/bun/mod.ts",
    web: "runtimes/web/mod.ts",
    testing: "src/testing.ts",
  },
  format: ["esm", "cjs"],
  // Shared chunks in both formats, so that a class is the same object whichever entry it came from.
  splitting: true,
  // Rollup writes the chunks; without it tsup has sucrase write the CommonJS ones, which turns each
  // `?.` and `??` into function calls.
  treeshake: "safest",
  plugins: [requireChunks],
  target: "es2022",
  platform: "neutral",
  external: [/^node:/],
  // tsup drops the `node:` prefix unless told; Deno and Bun want it.
  removeNodeProtocol: false,
  dts: true,
  sourcemap: true,
  clean: true,
});
