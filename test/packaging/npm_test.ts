// What `npm pack` makes, installed into an empty project and used the way its users do.
// npm runs offline: the package has no dependency, so nothing but the tarball is needed.

import { assertEquals } from "@std/assert";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "../support/test.ts";
import { bothProgram } from "./both.ts";
import { echo, entryPoints, expectedOutput, moduleProgram } from "./support.ts";
import { build, packed, unpack } from "./packed.ts";
import { runApart } from "./realm.ts";
import { building, root, run, specifier, tool, withFolder } from "./support.ts";

const name = "@sansocket/ws";

/** A consumer's program that uses the types of these entry points; `disposal` is one more statement. */
function typedProgram(keys: readonly string[], disposal: string): string {
  const imports = keys.map((key, i) =>
    `import type * as entry${i} from "${specifier(name, key)}";`
  );
  return `
import { connect, serve } from "${name}";
import type {
  ConnectOptions,
  FetchHandler,
  HandshakeError,
  Server,
  UpgradeOptions,
  WebSocketConnection,
  WebSocketHooks,
  WebSocketInstance,
  WebSocketOpenInfo,
} from "${name}";
${imports.join("\n")}
export type Entries = [${keys.map((_, i) => `typeof entry${i}`).join(", ")}];
export async function main(): Promise<void> {
  ${echo}
  const connection: WebSocketConnection = ws;
  const reply: string | Uint8Array = await connection.receive();
  void reply;
  ${disposal}
}
type IsAny<T> = 0 extends T & 1 ? true : false;
/** Whatever a program's libraries lack must not become \`any\`. */
export const known: false = {} as IsAny<
  | ConnectOptions[keyof ConnectOptions]
  | UpgradeOptions["headers"]
  | Parameters<WebSocketConnection["send"]>[0]
  | WebSocketConnection["readable"]
  | WebSocketConnection["writable"]
  | WebSocketConnection["request"]
  | HandshakeError["headers"]
  | Parameters<FetchHandler>[0]
  | ReturnType<FetchHandler>
  | Server["url"]
  | WebSocketInstance["onmessage"]
  | Parameters<WebSocketInstance["send"]>[0]
  | WebSocketOpenInfo["writable"]
>;
connect("ws://127.0.0.1/", { headers: { a: "b" } });
connect("ws://127.0.0.1/", { headers: [["a", "b"]] as const });
connect("ws://127.0.0.1/", { headers: new Headers() });
// @ts-expect-error: these are no header fields
connect("ws://127.0.0.1/", { headers: 5 });
// @ts-expect-error: the handler needs data
serve({ websocket: {} as WebSocketHooks<{ user: string }> });
`;
}

/** Runs `body` in a project of its own that has the packed package in node_modules. */
function withProject(type: "module" | "commonjs", body: (project: string) => Promise<void>) {
  return withFolder(async (project) => {
    const manifest = { name: "consumer", version: "1.0.0", private: true, type };
    await writeFile(join(project, "package.json"), JSON.stringify(manifest));
    await unpack(project);
    await body(project);
  });
}

/** Writes a program into the project and returns what it prints. */
async function runProgram(
  project: string,
  file: string,
  program: string,
  command: readonly [string, ...string[]],
  env?: Record<string, string>,
): Promise<string> {
  await writeFile(join(project, file), program);
  const [executable, ...args] = command;
  return await run(executable, [...args, file], { cwd: project, ...(env && { env }) });
}

test(
  "npm package is installed by npm, and works as ES modules on Node",
  () =>
    withFolder(async (project) => {
      const manifest = { name: "consumer", version: "1.0.0", private: true, type: "module" };
      await writeFile(join(project, "package.json"), JSON.stringify(manifest));
      await writeFile(join(project, "ws.tgz"), await packed());
      const install = ["install", "--offline", "--no-audit", "--no-fund", "--silent", "./ws.tgz"];
      await run("npm", install, { cwd: project });
      const output = await runProgram(project, "main.js", moduleProgram(name), ["node"]);
      assertEquals(output, expectedOutput);
    }),
  building,
);

test("npm package works in a realm of its own, as under Jest", async () => {
  await build();
  await runApart();
}, building);

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
  }), building);

test(
  "npm package has one class of each name, whichever entry point it comes from",
  () =>
    withProject("commonjs", async (project) => {
      const program = `
      const main = require("${name}");
      const shared = [];
      // These are made for the connect() of each entry point; instanceof holds between them.
      const made = ["WebSocket", "WebSocketStream"];
      for (const key of ${JSON.stringify(entryPoints)}) {
        for (const [symbol, value] of Object.entries(require("${name}" + key.slice(1)))) {
          if (!/^class\\b/.test(String(value)) || !main[symbol]) continue;
          if (value.name !== symbol) console.log(symbol + " is called " + value.name);
          shared.push(main[symbol] === value || made.includes(symbol));
        }
      }
      console.log(JSON.stringify([...new Set(shared)]));
    `;
      assertEquals(await runProgram(project, "main.js", program, ["node"]), "[true]\n");
    }),
  building,
);

test(
  "npm package holds together when it is imported and required in one process",
  () =>
    withProject("module", async (project) => {
      const flags = ["run", "-A", "--no-lock", "--no-remote", "--node-modules-dir=manual"];
      const runtimes: [copies: number, ...command: [string, ...string[]]][] = [
        [1, "node"],
        // As on Node 20.18 and before.
        [2, "node", "--no-experimental-require-module"],
        [1, tool("bun")],
        [1, tool("deno"), ...flags],
      ];
      for (const [copies, ...command] of runtimes) {
        const env = { COPIES: `${copies}` };
        const output = await runProgram(project, "main.mjs", bothProgram, command, env);
        assertEquals([command, output], [command, "all holds\n"]);
      }
    }),
  building,
);

test("npm package works on Bun", () =>
  withProject("module", async (project) => {
    const output = await runProgram(project, "main.js", moduleProgram(name), [tool("bun")]);
    assertEquals(output, expectedOutput);
  }), building);

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
  }), building);

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
        // Library checks on, for the declarations must stand on their own: once with the types of Node, since those
        // of ES modules only re-export those of CommonJS, and once without.
        const compilerOptions = {
          target: "es2022",
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: type === "module",
          skipDefaultLibCheck: true,
          noEmit: true,
          module,
          moduleResolution,
        };
        const check = async (
          keys: readonly string[],
          more: object,
          disposal = "",
        ): Promise<void> => {
          const options = { ...compilerOptions, ...more };
          await writeFile(join(project, "main.ts"), typedProgram(keys, disposal));
          await writeFile(
            join(project, "tsconfig.json"),
            JSON.stringify({ compilerOptions: options, files: ["main.ts"] }),
          );
          assertEquals(await run(tool("tsc"), ["-p", "."], { cwd: project }), "");
        };
        // Without the types of Node, which those of "./node" name; nor those of `await using`. All modes have one set
        // of declarations, so one of them suffices.
        if (moduleResolution === "bundler") {
          const pages = entryPoints.filter((key) => key !== "./node");
          await check(pages, { lib: ["es2022", "dom"], types: [], skipLibCheck: false });
        }
        const typeRoots = [join(root, "node_modules/@types")];
        const node = { lib: ["es2022"], types: ["node"], typeRoots };
        await check(entryPoints, node, "await using disposed = server;");
      }),
    building,
  );
}
