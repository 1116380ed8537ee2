// What `npm pack` makes, installed into an empty project and used the way its users do.
// npm runs offline: the package has no dependency, so nothing but the tarball is needed.

import { assertEquals, assertGreater } from "@std/assert";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "../support/test.ts";
import { echo, entryPoints, expectedOutput, moduleProgram } from "./support.ts";
import { root, run, skip, specifier, tool, withFolder } from "./support.ts";

const name = "@sansocket/ws";

/** A consumer's program that uses the types of these entry points. */
function typedProgram(keys: readonly string[]): string {
  const imports = keys.map((key, i) =>
    `import type * as entry${i} from "${specifier(name, key)}";`
  );
  return `
import { connect, serve } from "${name}";
import type { WebSocketConnection } from "${name}";
${imports.join("\n")}
export type Entries = [${keys.map((_, i) => `typeof entry${i}`).join(", ")}];
export async function main(): Promise<void> {
  ${echo}
  const connection: WebSocketConnection = ws;
  const reply: string | Uint8Array = await connection.receive();
  void reply;
}
`;
}

/** Runs `body` in a project of its own that has the packed package installed. */
function withProject(type: "module" | "commonjs", body: (project: string) => Promise<void>) {
  return withFolder(async (project) => {
    await run("node", [".ci/setup.mjs", "--build"], { cwd: root });
    // Without scripts: `prepack` would build again.
    const pack = ["pack", "--silent", "--ignore-scripts", "--pack-destination", project];
    const tarball = (await run("npm", pack, { cwd: root })).trim();
    const manifest = { name: "consumer", version: "1.0.0", private: true, type };
    await writeFile(join(project, "package.json"), JSON.stringify(manifest));
    const install = ["install", "--offline", "--no-audit", "--no-fund", "--silent", `./${tarball}`];
    await run("npm", install, { cwd: project });
    await body(project);
  });
}

/** Writes a program into the project and returns what it prints. */
async function runProgram(
  project: string,
  file: string,
  program: string,
  command: readonly [string, ...string[]],
): Promise<string> {
  await writeFile(join(project, file), program);
  const [executable, ...args] = command;
  return await run(executable, [...args, file], { cwd: project });
}

test("npm package works as ES modules on Node", () =>
  withProject("module", async (project) => {
    const output = await runProgram(project, "main.js", moduleProgram(name), ["node"]);
    assertEquals(output, expectedOutput);
  }), { skip });

test("npm package works as CommonJS on Node", () =>
  withProject("commonjs", async (project) => {
    const program = `
      const { connect, serve } = require("${name}");
      (async () => {
        ${echo}
        for (const key of ${JSON.stringify(entryPoints)}) {
          console.log(key + ": " + (Object.keys(require("${name}" + key.slice(1))).length > 0));
        }
      })();
    `;
    assertEquals(await runProgram(project, "main.js", program, ["node"]), expectedOutput);
  }), { skip });

test(
  "npm package has one class of each name, whichever entry point it comes from",
  () =>
    withProject("commonjs", async (project) => {
      const program = `
      const main = require("${name}");
      const shared = [];
      for (const key of ${JSON.stringify(entryPoints)}) {
        for (const [symbol, value] of Object.entries(require("${name}" + key.slice(1)))) {
          if (/^class\\b/.test(String(value)) && main[symbol]) shared.push(main[symbol] === value);
        }
      }
      console.log(JSON.stringify([...new Set(shared)]));
    `;
      assertEquals(await runProgram(project, "main.js", program, ["node"]), "[true]\n");
    }),
  { skip },
);

test("npm package works on Bun", () =>
  withProject("module", async (project) => {
    const output = await runProgram(project, "main.js", moduleProgram(name), [tool("bun")]);
    assertEquals(output, expectedOutput);
  }), { skip });

test("npm package works on Deno from node_modules", () =>
  withProject("module", async (project) => {
    const deno: [string, ...string[]] = [
      tool("deno"),
      "run",
      "-A",
      "--no-lock",
      "--no-remote",
      "--node-modules-dir=manual",
    ];
    const output = await runProgram(project, "main.js", moduleProgram(name), deno);
    assertEquals(output, expectedOutput);
  }), { skip });

for (
  const [type, module, moduleResolution] of [
    ["module", "node16", "node16"],
    ["commonjs", "node16", "node16"],
    ["module", "esnext", "bundler"],
  ] as const
) {
  test(
    `npm package has types for ${type} under moduleResolution ${moduleResolution}`,
    () =>
      withProject(type, async (project) => {
        // Library checks on: the declarations must stand on their own. Those of "./node" name Node's classes.
        const compilerOptions = {
          target: "es2022",
          lib: ["es2022", "esnext.disposable", "dom", "dom.iterable", "dom.asynciterable"],
          types: [],
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          noEmit: true,
          module,
          moduleResolution,
        };
        const check = async (keys: readonly string[], more: object): Promise<void> => {
          const options = { ...compilerOptions, ...more };
          await writeFile(join(project, "main.ts"), typedProgram(keys));
          await writeFile(
            join(project, "tsconfig.json"),
            JSON.stringify({ compilerOptions: options, files: ["main.ts"] }),
          );
          assertEquals(await run(tool("tsc"), ["-p", "."], { cwd: project }), "");
        };
        await check(entryPoints.filter((key) => key !== "./node"), {});
        const typeRoots = [join(root, "node_modules/@types")];
        await check(["./node"], { types: ["node"], typeRoots, skipLibCheck: true });
      }),
    { skip },
  );
}

test(
  "npm package has the sources that its source maps name",
  () =>
    withProject("module", async (project) => {
      const dist = join(project, "node_modules", name, "dist");
      const maps = (await readdir(dist)).filter((file) => file.endsWith(".map"));
      let sources = 0;
      for (const map of maps) {
        const parsed = JSON.parse(await readFile(join(dist, map), "utf8")) as { sources: string[] };
        for (const source of parsed.sources) {
          // Rejects if it is not there.
          await stat(join(dist, dirname(map), source));
          sources++;
        }
      }
      assertGreater(sources, 0);
    }),
  { skip },
);
