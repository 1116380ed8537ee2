// The client of the package in real browsers: connect() and reconnect() over their own WebSocket.
//
// 1. One program, client_program.js, runs in Chromium and in Firefox from a bundle of esbuild, from a
//    project of Vite, from `dist/browser.js` as it is, and in a worker.
// 2. Each has a page of its own, in a frame of the page that the browser opens, and posts what it found.

import { assert, assertEquals } from "@std/assert";
import { serve, serveFiles, type WebSocketConnection } from "@sansocket/ws";
import { build as esbuild } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { chromium, firefox } from "../interop/programs/browser.ts";
import { startBrowser } from "../interop/programs/browser.ts";
import { unpack } from "../packaging/packed.ts";
import { withFolder } from "../packaging/support.ts";
import { runtime, test } from "../support/test.ts";

const program = fileURLToPath(new URL("client_program.js", import.meta.url));

const report = `const done = {};
check(done).then(
  (results) => post(JSON.stringify(results)),
  (error) => post(String(error) + error.stack + "; after " + JSON.stringify(done)),
);`;
const toParent = `const post = (text) => parent.postMessage(text, "*");`;

/** What each way to get the program into a page is: the path of the page. */
const ways = {
  "a bundle of esbuild": "/esbuild.html",
  "a project of Vite": "/vite/",
  "dist/browser.js as a module": "/module.html",
  "a worker": "/worker.html",
};

const html = (body: string): Response =>
  new Response(`<!doctype html><title>Page</title>${body}`, {
    headers: { "content-type": "text/html" },
  });

/** Writes all that the pages load into a folder. */
async function prepare(folder: string): Promise<void> {
  const ours = await unpack(folder);
  const code = await readFile(program, "utf8");
  await writeFile(join(folder, "program.js"), code);
  const dist = join(ours, "dist");
  const modular = code.replace("@sansocket/ws", "/dist/browser.js");
  await writeFile(join(folder, "modular.js"), modular);
  await writeFile(
    join(folder, "page.js"),
    `import { check } from "./program.js";\n${toParent}\n${report}\n`,
  );
  await writeFile(
    join(folder, "worker.js"),
    `import { check } from "./program.js";\nconst post = (text) => postMessage(text);\n${report}\n`,
  );
  await esbuild({
    entryPoints: [join(folder, "page.js"), join(folder, "worker.js")],
    outdir: join(folder, "bundles"),
    bundle: true,
    minify: true,
    format: "iife",
    platform: "browser",
    logLevel: "silent",
  });
  const project = join(folder, "project");
  await mkdir(project);
  await writeFile(
    join(project, "index.html"),
    `<!doctype html><title>Page</title><script type="module" src="/main.js"></script>`,
  );
  await writeFile(
    join(project, "main.js"),
    `import { check } from "../program.js";\n${toParent}\n${report}\n`,
  );
  const { build: vite } = await import("vite");
  await vite({
    root: project,
    base: "/vite/",
    configFile: false,
    logLevel: "error",
    build: { outDir: join(folder, "vite"), emptyOutDir: true },
  });
  await writeFile(join(folder, "dist.txt"), dist);
}

/** What the program meets. */
async function start(folder: string) {
  const dist = await readFile(join(folder, "dist.txt"), "utf8");
  const closes: (number | undefined)[] = [];
  const flaky: WebSocketConnection[] = [];
  const hanging = new AbortController();
  const server = await serve({
    port: 0,
    routes: {
      "/": html(""),
      "/esbuild.html": html(`<script src="/bundles/page.js"></script>`),
      "/module.html": html(
        `<script type="module">import { check } from "/modular.js"; ${toParent} ${report}</script>`,
      ),
      "/worker.html": html(
        `<script>${toParent} new Worker("/bundles/worker.js").onmessage = ({ data }) => post(data);</script>`,
      ),
      "/vite/": html(await readFile(join(folder, "vite/index.html"), "utf8")),
      "/vite/*": serveFiles(join(folder, "vite"), { prefix: "/vite/" }),
      "/bundles/*": serveFiles(join(folder, "bundles"), { prefix: "/bundles/" }),
      "/dist/*": serveFiles(dist, { prefix: "/dist/" }),
      "/modular.js": new Response(await readFile(join(folder, "modular.js")), {
        headers: { "content-type": "text/javascript" },
      }),
      "/echo": {
        websocket: {
          message: (ws, data) => ws.send(data),
          close: (_ws, { received }) => void closes.push(received?.code),
        },
      },
      "/protocol": {
        protocol: "b",
        websocket: async (ws) => {
          await ws.send("one");
          await ws.send("two");
          await ws.close(1001, "moved");
        },
      },
      "/refused": new Response("no", { status: 403 }),
      "/hang": () =>
        new Promise<Response>((resolve) =>
          hanging.signal.addEventListener("abort", () => resolve(new Response("late")))
        ),
      "/lost": { websocket: { message: (ws) => ws.terminate() } },
      "/flood": {
        websocket: async (ws) => {
          for (let i = 0; i < 20; i++) ws.send("x".repeat(100));
          await ws.closed;
        },
      },
      "/flaky": {
        websocket: {
          open: (ws) => void flaky.push(ws),
          message: (ws, data) => data === "first" ? ws.terminate() : ws.send(data),
        },
      },
    },
  });
  return {
    server,
    closes,
    async stop() {
      hanging.abort();
      await server.close();
    },
  };
}

/** What the program finds everywhere. */
const expected = {
  open: ["open", "", true],
  echo: ["é", [1, 2], "blob", "é"],
  json: { a: [1] },
  large: [0, 1_000_000],
  closed: [4011, true, "local", 4011, "closed"],
  late: true,
  protocol: "b",
  iteration: [["one", "two"], 1001, "moved", true, "remote", true],
  refused: [true, null, "a browser does not say why, its console may (errors.md#ehandshake)"],
  timeout: [true, "ETIMEDOUT"],
  aborted: "enough",
  malformed: ["SyntaxError", "SyntaxError"],
  headers: "TypeError",
  lost: [1006, false, "transport"],
  flooded: [4009, true],
  terminated: ["closed", 1006],
  reconnected: ["again", 2, 1, 1000],
};

for (const browser of [chromium, firefox]) {
  const skip = runtime !== "node"
    ? "one browser run covers servers on all three runtimes"
    : !browser.executable && !process.env["CI"] && `no ${browser.name}`;

  test(
    `client in ${browser.name} does the same from each bundler, as a module and in a worker`,
    () =>
      withFolder(async (folder) => {
        await prepare(folder);
        const { server, closes, stop } = await start(folder);
        const page = await startBrowser(browser, `Promise.resolve("")`, server.url);
        try {
          for (const [way, path] of Object.entries(ways)) {
            const posted = await page.evaluate(`new Promise((resolve) => {
            addEventListener("message", ({ data }) => resolve(data), { once: true });
            const frame = document.createElement("iframe");
            frame.src = ${JSON.stringify(path)};
            document.body.append(frame);
          })`);
            assert(posted.startsWith("{"), posted);
            const found = JSON.parse(posted) as typeof expected;
            const text = String(found.refused[2]);
            found.refused[2] = text.slice(text.indexOf("failed: ") + 8);
            assertEquals([way, found], [way, expected]);
            assertEquals(closes.includes(4011), true);
            closes.length = 0;
          }
        } finally {
          await page.stop();
          await stop();
        }
      }),
    { skip, timeout: 120_000 },
  );
}
