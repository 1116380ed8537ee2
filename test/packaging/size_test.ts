// What the package weighs, and what a bundler makes of it: budgets, and who gets the code of which runtime.

import { assert, assertEquals } from "@std/assert";
import { build as bundle, type BuildOptions } from "esbuild";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { serve } from "@sansocket/ws";
import { test } from "../support/test.ts";
import { packed, unpack } from "./packed.ts";
import { building, run, withFolder } from "./support.ts";

/** In KiB, minified and compressed by gzip, everything in one file. To raise one is a decision: more is loaded by each user. */
const budgets: Record<string, readonly [program: string, limit: number, options?: BuildOptions]> = {
  // 1.2 of it are the options of TLS: their errors say what to do. 3.7 are proxies: CONNECT, SOCKS5,
  // what the environment says, and TLS over a byte stream that is there already. 1.4 are streams of
  // the program's own (`dial`), web streams and those of Node. 1.5 choose among the addresses of a
  // host. 0.2 are the rows of docs/reference/errors.md in the texts of errors.
  connect: [`import { connect } from "@sansocket/ws"; connect("ws://localhost/");`, 48.0],
  // Over the browser's own engine, by the condition `browser`. What comes back is 4.8 more: half of
  // it is what is sent meanwhile, and what became of it.
  "connect in a browser": [
    `import { connect } from "@sansocket/ws"; connect("ws://localhost/");`,
    5.7,
    { platform: "browser" },
  ],
  "reconnect in a browser": [
    `import { reconnect } from "@sansocket/ws"; reconnect("ws://localhost/");`,
    10.4,
    { platform: "browser" },
  ],
  WebSocket: [`import { WebSocket } from "@sansocket/ws"; new WebSocket("ws://localhost/");`, 50.8],
  // 3.5 of it are topics, which each server has; 0.6 is the short way of a handshake through fetch, 0.4 the
  // short way of a page, 0.05 what to do with HTML for a route.
  serve: [`import { serve } from "@sansocket/ws"; serve({ websocket: () => {} });`, 64.0],
  // What joins several processes takes 6 more, and history and presence 9.
  "serve and createTopics": [
    `import { createTopics, serve } from "@sansocket/ws"; serve({ topics: createTopics(), websocket: () => {} });`,
    79.1,
  ],
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

// It was 300 KB before there were a kit for tests, which takes 32, topics of one process, which take
// 10, what joins those of several, with three drivers, which takes 25, and history and presence,
// with their stores in memory, Redis and JetStream, which take 45; later, the client in a browser,
// which takes 10, a connection that comes back, which takes 15, and proxies and dial, which take 10. Forms,
// templates and single files take 9.
test("npm package takes at most 497 KB, without source maps, each declaration once", async () => {
  assert((await packed()).length <= 497_000, `${(await packed()).length} octets`);
  await withFolder(async (folder) => {
    const files = await readdir(await unpack(folder), { recursive: true });
    const outside = files.filter((file) => !/^dist(?:$|\/[\w-]+(?:\.d)?\.c?[jt]s$)/.test(file));
    assertEquals(outside.sort(), ["CHANGELOG.md", "LICENSE", "README.md", "package.json"]);
    for (const file of files.filter((file) => file.endsWith(".d.ts"))) {
      const text = await readFile(join(folder, "node_modules/@sansocket/ws", file), "utf8");
      assertEquals(text, `export * from "./${file.slice(5, -5)}.cjs";\n`);
    }
  });
}, building);

// What a client that starts, connects once and ends does without on Node: the first three take 13% of
// its CPU time, the rest 3%. What loads them is a mention of `Request` or `fetch`, and imports of
// node:process, which reads process.stdout and process.report too, and of node:util.
const costly = [
  "internal/deps/undici/undici",
  "http2",
  "worker_threads",
  "tls",
  "internal/process/report",
  "internal/util/parse_args/parse_args",
];

test("npm package connects on Node without fetch, TLS, worker threads or stdout", async () => {
  const server = await serve({ port: 0, hostname: "127.0.0.1", websocket: (ws) => ws.closed });
  const program = `
    import { writeSync } from "node:fs";
    import { connect } from "@sansocket/ws";
    await (await connect(process.argv[2])).close();
    writeSync(1, process.moduleLoadList.join("\\n"));
  `;
  await withFolder(async (cwd) => {
    await unpack(cwd);
    await writeFile(join(cwd, "client.mjs"), program);
    const loaded = (await run("node", ["client.mjs", server.url], { cwd })).split("\n");
    assert(loaded.includes("NativeModule net"));
    assertEquals(costly.filter((name) => loaded.includes(`NativeModule ${name}`)), []);
  });
  await server.close();
}, building);

for (const [name, [program, limit, options]] of Object.entries(budgets)) {
  test(`npm package makes at most ${limit} KiB of a bundle with ${name}`, async () => {
    const text = await bundled(program, { minify: true, ...options });
    const size = gzipSync(text, { level: 9 }).length / 1024;
    assert(size <= limit, `${name} takes ${size.toFixed(2)} KiB, which may be ${limit}`);
  }, building);
}

test(
  "npm package gives a browser, React Native and Workers what they can run, by condition",
  async () => {
    const program = `import * as ws from "@sansocket/ws"; export default Object.keys(ws);`;
    const names = async (options: BuildOptions) => {
      const text = await bundled(program, { ...options, format: "esm" });
      assertEquals([...text.matchAll(/from "([^"]*)"/g)].map(([, name]) => name), []);
      const url = `data:text/javascript;base64,${btoa(unescape(encodeURIComponent(text)))}`;
      return (await import(/* @vite-ignore */ url) as { default: string[] }).default;
    };
    for (const options of [{ platform: "browser" }, { conditions: ["react-native", "browser"] }]) {
      const found = await names({ platform: "neutral", ...options } as BuildOptions);
      assertEquals(["connect", "BrowserConnection"].filter((name) => !found.includes(name)), []);
      assertEquals(["serve", "createWebRuntime"].filter((name) => found.includes(name)), []);
    }
    // As the tools for Workers have them.
    const workers = await names({
      conditions: ["workerd", "worker", "browser"],
      platform: "neutral",
    });
    assertEquals(
      ["createConnect", "createWebRuntime"].filter((name) => !workers.includes(name)),
      [],
    );
  },
  building,
);

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
}, building);

/** Sends by a transform that says what it is asked for, and prints that. */
function compressing(data: string): string {
  return `
import { PreparedMessage, Protocol } from "@sansocket/ws/core";
const asked = [];
const transform = {
  threshold: 1,
  settings: 1,
  encode: (data) => (asked.push("encode"), data),
  encodeApart: (data) => (asked.push("encodeApart"), data),
  forget() {},
  close() {},
};
const server = new Protocol("server", { maxMessageSize: 1024, maxFragments: 16 }, transform);
server.send(${data});
console.log(asked.join(), server.output.take().length);
`;
}

test(
  "npm package keeps PreparedMessage working in a bundle, and leaves it out of others",
  async () => {
    const printed = async (program: string) => {
      const text = await bundled(program, { minify: true });
      let output = "";
      await withFolder(async (cwd) => {
        await writeFile(join(cwd, "bundle.mjs"), text);
        output = (await run("node", ["bundle.mjs"], { cwd })).trim();
      });
      return output;
    };
    assertEquals(await printed(compressing(`new PreparedMessage("hi")`)), "encodeApart 4");
    const foreign = `{ [Symbol.for("@sansocket/ws/PreparedMessage.content")]: () =>
    [new Uint8Array(2), 2, true] }`;
    assertEquals(await printed(compressing(foreign)), "encode 4");
    const [program = ""] = budgets.connect ?? [];
    assertEquals((await bundled(program)).includes("UTF-8 to send as text"), false);
  },
  building,
);

test(
  "npm package has a client for browsers that loads where React Native lacks something",
  async () => {
    await withFolder(async (folder) => {
      const dist = join(await unpack(folder), "dist");
      const { createContext, runInContext } = await import("node:vm");
      // Neither Web Crypto, nor TextDecoder, web streams, DOMException or Symbol.asyncDispose.
      const context = createContext({ setTimeout, clearTimeout, performance: {} });
      const modules = new Map<string, { exports: object }>();
      const load = async (name: string): Promise<void> => {
        const code = await readFile(join(dist, name), "utf8");
        for (const [, part = ""] of code.matchAll(/require\(.\.\/([^"']*).\)/g)) {
          if (!modules.has(part)) await load(part);
        }
        const module = { exports: {} };
        const run = runInContext(`(function (exports, require, module) {${code}\n})`, context);
        run(module.exports, (from: string) => modules.get(from.slice(2))?.exports, module);
        modules.set(name, module);
      };
      await load("browser.cjs");
      const names = Object.keys(modules.get("browser.cjs")?.exports ?? {});
      assertEquals(["connect", "reconnect"].filter((name) => !names.includes(name)), []);
    });
  },
  building,
);

test("npm package leaves topics out of a client, and other processes out of a server", async () => {
  const has = async (name: string, mark: string) =>
    (await bundled(budgets[name]?.[0] ?? "")).includes(mark);
  const [topics, relay] = ["the name of a topic", "messages of version 1 from other processes"];
  assertEquals(await has("connect", topics), false);
  assertEquals(await has("serve", topics), true);
  assertEquals(await has("serve", relay), false);
  assertEquals(await has("serve and createTopics", relay), true);
}, building);
