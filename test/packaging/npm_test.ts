// What `npm pack` makes, installed into an empty project and used the way its users do.
// npm runs offline: the package has no dependency, so nothing but the tarball is needed.

import { assertEquals, assertGreater } from "@std/assert";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "../support/test.ts";
import { echo, entryPoints, expectedOutput, moduleProgram } from "./support.ts";
import { runApart } from "./realm.ts";
import { root, run, skip, specifier, tool, withFolder } from "./support.ts";

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

test("npm package works in a realm of its own, as under Jest", async () => {
  await run("node", [".ci/setup.mjs", "--build"], { cwd: root });
  await runApart();
}, { skip });

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
  { skip },
);

/** A program that has the package twice: by `import`, and by `require()`. Prints what does not hold between the two. */
const bothProgram = `
  import * as esm from "${name}";
  import * as esmNode from "${name}/node";
  import { createServer } from "node:http";
  import { createRequire } from "node:module";
  const require = createRequire(import.meta.url);
  const cjs = require("${name}");
  const cjsNode = require("${name}/node");

  const wrong = [];
  const check = (holds, what) => holds || wrong.push(what);
  const rejection = (promise) => promise.then(() => undefined, (error) => error);
  check(esm.connect !== cjs.connect, "there are two copies");
  const classes = Object.keys(esm).filter((key) => Object.hasOwn(esm[key], Symbol.hasInstance));
  check(classes.length === 10, "classes with a brand: " + classes);

  const errors = [];
  for (const [here, there] of [[esm, cjs], [cjs, esm]]) {
    const server = await here.serve({
      port: 0,
      error: (error) => errors.push(error),
      routes: {
        "/page": new Response(String(here.html\`<i>\${there.html\`<b>\`}</i>\`)),
        "/echo": { websocket: { message: (ws, data) => ws.send(new there.PreparedMessage(data)) } },
        "/late": {
          websocket: async (ws) => {
            await ws.closed;
            // What the other copy throws about an end.
            await there.receiveJson(ws);
          },
        },
        "/bad": { websocket: async (ws) => there.parseJson(ws, await ws.receive()) },
      },
    });
    const open = (path) => there.connect(new URL(path, server.url));
    check(await (await fetch(new URL("/page", server.url))).text() === "<i><b></i>", "html");
    const refused = await rejection(open("/page"));
    check(refused instanceof here.HandshakeError, "HandshakeError");
    const ws = await open("/echo");
    check(ws instanceof here.WebSocketConnection, "WebSocketConnection");
    for (const data of ["text", new Uint8Array(70_000)]) {
      await ws.send(new here.PreparedMessage(data));
      check((await ws.receive()).length === data.length, "PreparedMessage");
    }
    await ws.close();
    check(await rejection(ws.send("late")) instanceof here.ConnectionClosed, "ConnectionClosed");
    await (await open("/late")).close();
    const bad = await open("/bad");
    await bad.send("{");
    check((await bad.closed).code === 1007, "JSON");
    const small = await there.connect(new URL("/echo", server.url), { maxMessageSize: 1 });
    await small.send("too long");
    check((await small.closed).cause instanceof here.ProtocolError, "ProtocolError");
    await server.close();
  }
  check(errors.length === 0, "reported: " + errors);

  const server = createServer((_, response) => response.end("a page"));
  const echo = { message: (ws, data) => ws.send(data) };
  const attached = [
    esmNode.attach(server, { path: "/esm", websocket: echo }),
    cjsNode.attach(server, { path: "/cjs", websocket: echo }),
  ];
  check(server.listenerCount("upgrade") === 1, "one listener");
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = (path) => "ws://127.0.0.1:" + server.address().port + path;
  for (const path of ["/esm", "/cjs"]) {
    const ws = await esm.connect(url(path));
    await ws.send("hi");
    check(await ws.receive() === "hi", "attach: " + path);
    await ws.close();
  }
  check((await rejection(esm.connect(url("/")))).body === "a page", "attach: nobody takes it");
  for (const one of attached) await one.close();
  check(server.listenerCount("upgrade") === 0, "no listener");
  server.close();
  console.log(wrong.length === 0 ? "all holds" : wrong.join("\\n"));
`;

test(
  "npm package holds together when it is imported and required in one process",
  () =>
    withProject("module", async (project) => {
      const flags = ["run", "-A", "--no-lock", "--no-remote", "--node-modules-dir=manual"];
      const commands: [string, ...string[]][] = [["node"], [tool("bun")], [tool("deno"), ...flags]];
      for (const command of commands) {
        const output = await runProgram(project, "main.mjs", bothProgram, command);
        assertEquals([command[0], output], [command[0], "all holds\n"]);
      }
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
        // Library checks on: the declarations must stand on their own.
        const compilerOptions = {
          target: "es2022",
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
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
        // Without the types of Node, which those of "./node" name; nor those of `await using`.
        const pages = entryPoints.filter((key) => key !== "./node");
        await check(pages, { lib: ["es2022", "dom"], types: [] });
        const typeRoots = [join(root, "node_modules/@types")];
        const node = { lib: ["es2022"], types: ["node"], typeRoots };
        await check(entryPoints, node, "await using disposed = server;");
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
