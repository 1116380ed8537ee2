import { readFile, writeFile } from "node:fs/promises";
import { transform } from "esbuild";
import { defineConfig, type Options } from "tsup";
import ts from "typescript";

/**
 * CommonJS is for old Nodes, and for Jest, which has no `import()`: that becomes `require()`. Its code is that of the ES
 * modules, where it can be read; here it is minified, which is 45 KB of the package. The names of classes stay.
 */
const plainCode: NonNullable<Options["plugins"]>[number] = {
  name: "plain-code",
  async renderChunk(code) {
    // The docstrings are in the declarations: in the code they are 20 KB of the package.
    if (this.format !== "cjs") return { code: code.replace(/^[ \t]*\/\*\*[^]*?\*\/\n/gm, "") };
    const loading = /\bimport\((["'](?:\.\/|node:)[^"']+["'])\)/g;
    const required = code.replace(loading, "Promise.resolve().then(() => require($1))");
    return await transform(required, { minify: true, keepNames: true });
  },
};

/** The main entry point takes its runtime from where the conditions in package.json (`imports`) say. */
const runtimeByCondition: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "runtime-by-condition",
  setup(build) {
    build.onResolve({ filter: /\/choose\.ts$/ }, ({ kind }) => {
      return kind === "entry-point" ? undefined : { path: "#runtime", external: true };
    });
  },
};

/** What makes a constant or a class of a module has no other effect, so a bundler may drop what nothing uses. */
const pureConstants: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "pure-constants",
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      return { contents: markConstants(await readFile(path, "utf8")), loader: "ts" };
    });
  },
};

/** Marks the calls that make a constant; what bundlers do not believe to be free of effects is made within one. */
function markConstants(code: string): string {
  const edits: [position: number, text: string][] = [];
  const file = ts.createSourceFile("module.ts", code, ts.ScriptTarget.Latest, true);
  for (const statement of file.statements) {
    if (ts.isClassDeclaration(statement) && namesItself(statement)) {
      const { name, modifiers, end } = statement;
      const start = modifiers?.end ?? statement.getStart();
      edits.push([start, ` const ${name?.text} = /* @__PURE__ */ (() => `], [end, ")();"]);
    }
    if (!ts.isVariableStatement(statement)) continue;
    for (const { initializer } of statement.declarationList.declarations) {
      if (initializer === undefined) continue;
      const calls: number[] = [];
      if (!hasEffects(initializer, calls)) {
        for (const position of calls) edits.push([position, "/* @__PURE__ */ "]);
      } else {
        edits.push([initializer.getStart(), "/* @__PURE__ */ (() => ("]);
        edits.push([initializer.getEnd(), "))()"]);
      }
    }
  }
  let marked = code;
  for (const [position, text] of edits.reverse()) {
    marked = marked.slice(0, position) + text + marked.slice(position);
  }
  return marked;
}

/** Whether a class has a static block that changes the class alone: it sets no function of the module that reaches into it. */
function namesItself({ members }: ts.ClassDeclaration): boolean {
  const blocks = members.filter(ts.isClassStaticBlockDeclaration);
  return blocks.length > 0 &&
    blocks.every(({ body }) =>
      body.statements.every((statement) =>
        ts.isExpressionStatement(statement) && ts.isCallExpression(statement.expression)
      )
    );
}

/** Whether a bundler has to assume that an expression has effects, besides those of the calls in it. */
function hasEffects(node: ts.Node, calls: number[]): boolean {
  if (ts.isFunctionLike(node) || ts.isTypeNode(node)) return false;
  if (ts.isSpreadAssignment(node) || ts.isSpreadElement(node) || ts.isClassLike(node)) return true;
  // What is joined to a string may have a toString().
  if (ts.isTemplateExpression(node)) return true;
  if (ts.isBinaryExpression(node) && ts.isStringLiteral(node.left)) return true;
  if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
    if (!node.getText().startsWith("/* @__PURE__")) calls.push(node.getStart());
    return [...node.arguments ?? []].some((child) => hasEffects(child, calls));
  }
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) return true;
  return ts.forEachChild(node, (child) => hasEffects(child, calls) || undefined) ?? false;
}

/** What package.json exports. */
const entries = {
  mod: "mod.ts",
  core: "src/core.ts",
  node: "runtimes/node/mod.ts",
  deno: "runtimes/deno/mod.ts",
  bun: "runtimes/bun/mod.ts",
  web: "runtimes/web/mod.ts",
  browser: "runtimes/browser/mod.ts",
  testing: "runtimes/testing/mod.ts",
  redis: "runtimes/redis/mod.ts",
  nats: "runtimes/nats/mod.ts",
  "broadcast-channel": "runtimes/broadcast_channel/mod.ts",
};

/** ES modules can import CommonJS, so they have the types of that: one set for both, and half the size. */
async function shareTypes(folder: string): Promise<void> {
  for (const name of Object.keys(entries)) {
    await writeFile(`${folder}/${name}.d.ts`, `export * from "./${name}.cjs";\n`);
  }
}

/** How the sources become JavaScript, in the package and in the benchmark. */
export const code: Options = {
  // Shared chunks in both formats, so that a class is the same object in all entries.
  splitting: true,
  // Rollup writes the chunks; without it tsup has sucrase write the CommonJS ones, which turns each
  // `?.` and `??` into function calls.
  treeshake: "safest",
  target: "es2022",
  platform: "neutral",
  external: [/^node:/],
  // By default tsup drops the `node:` prefix; Deno and Bun want it.
  removeNodeProtocol: false,
};

const config: ReturnType<typeof defineConfig> = defineConfig(({ outDir = "dist" }) => [
  {
    ...code,
    entry: { ...entries, choose: "runtimes/choose.ts" },
    format: ["esm", "cjs"],
    plugins: [plainCode],
    esbuildPlugins: [runtimeByCondition, pureConstants],
    clean: true,
    onSuccess: () => shareTypes(outDir),
  },
  { entry: entries, format: "cjs", dts: { only: true } },
]);

export default config;
