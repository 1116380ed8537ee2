// examples/tutorial/, run by each runtime the way that its documentation says.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, HandshakeError, receiveJson, sendJson } from "@sansocket/ws";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { blocksOf } from "../support/code_blocks.ts";
import { type Child, root, start } from "../support/process.ts";
import { redisSkip, startRedis } from "../support/redis_server.ts";
import { runtime, test } from "../support/test.ts";

const folder = "examples/tutorial";

/** Runs a server of the tutorial; `at` gives an address on it. */
async function withServer(
  name: string,
  body: (at: (path: string) => string) => Promise<void>,
  ...args: string[]
): Promise<void> {
  const child: Child = start(runtime, `${folder}/${name}`, ["0", ...args]);
  try {
    const [line = ""] = await child.waitFor(/Listening on .*/);
    const port = /"port":(\d+)/.exec(line)?.[1] ?? new URL(line.slice(13)).port;
    await body((path) => `http://127.0.0.1:${port}${path}`);
    assertEquals(child.output().trim(), line, child.output());
  } finally {
    await child.stop("SIGKILL");
  }
}

const page = async (url: string, init?: RequestInit) => await (await fetch(url, init)).text();

for (const name of ["handshake.ts", "frame.ts", "channels_test.ts"]) {
  test(`tutorial's ${name} prints what it says`, async () => {
    const code = readFileSync(join(root, folder, name), "utf8");
    const lines = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, text]) => text);
    assert(lines.length > 0);
    const child = start(runtime, `${folder}/${name}`);
    assertEquals(await child.exit, 0, child.output());
    assertEquals(child.output().trim().split("\n"), lines);
  });
}

test("docs/learn/tutorial.md counts the lines of each program, and of the shape of the original", () => {
  const text = readFileSync(join(root, "docs/learn/tutorial.md"), "utf8");
  const count = (code: string): number => code.trimEnd().split("\n").length;
  const shapes = blocksOf("docs/learn/tutorial.md", "python").map(({ code }) => count(code));
  const rows = text.split("\n").filter((line) => line.startsWith("| [")).map((line) => {
    const files = [...line.matchAll(/\(\.\.\/\.\.\/(examples\/tutorial\/\w+\.ts)\)/g)];
    const lines = files.map(([, file = ""]) => count(readFileSync(join(root, file), "utf8")));
    for (const own of lines) assert(own <= 40, line);
    const [, , shape, ours] = line.split("|").map((cell) => cell.trim());
    return { given: [shape, ours], ours: String(lines.reduce((sum, own) => sum + own, 0)) };
  });
  assertEquals(
    rows.map(({ given }) => given),
    rows.map(({ ours }, i) => [String(shapes[i]), ours]),
  );
});

test("tutorial's raw server serves a page and echoes", () =>
  withServer("raw_server.ts", async (at) => {
    assert((await page(at("/"))).includes("new WebSocket("));
    const ws = await connect(at("/"));
    for (const data of ["hello", "\u00e4".repeat(40_000), new Uint8Array([0, 255])]) {
      await ws.send(data);
      assertEquals(await ws.receive(), data);
    }
    const { code, wasClean } = await ws.close(4000);
    assertEquals([code, wasClean], [4000, true]);
  }));

test("tutorial's Flask program has a page and a socket on one route, and says bye", () =>
  withServer("flask.ts", async (at) => {
    assert((await page(at("/echo"))).includes("<h1>Echo</h1>"));
    const gone = await connect(at("/echo"));
    await gone.close();
    const ws = await connect(at("/echo"));
    await ws.send("hello");
    assertEquals(await ws.receive(), "hello");
    await ws.send("bye");
    const { code, reason } = await ws.closed;
    assertEquals([code, reason], [1000, "bye"]);
  }));

test("tutorial's Tornado program has a template, a form, static files and messages to all", () =>
  withServer("tornado.ts", async (at) => {
    assert((await page(at("/index"))).includes("<h1>Hello, stranger</h1>"));
    const send = (body: URLSearchParams | string) => page(at("/index"), { method: "POST", body });
    const greeting = await send(new URLSearchParams({ name: "<Ann>" }));
    assert(greeting.includes("<h1>Hello, &lt;Ann&gt;</h1>"));
    assert(greeting.includes("`${location.origin"));
    assert((await send("name=Ann")).startsWith("Expected a form"));
    const style = await fetch(at("/static/style.css"));
    assertEquals(style.headers.get("content-type"), "text/css; charset=utf-8");
    await style.text();
    const clients = [await connect(at("/message")), await connect(at("/message"))];
    await clients[0]?.send("hello all");
    for (const client of clients) assertEquals(await client.receive(), "hello all");
    for (const client of clients) await client.close();
  }));

test("tutorial's dwebsocket program requires, accepts and asks; a wait ends by its time", () =>
  withServer("dwebsocket.ts", async (at) => {
    const refused = await fetch(at("/require"));
    await refused.text();
    assertEquals(refused.status, 426);
    assertEquals([await page(at("/accept")), await page(at("/is"))], ["page", "page"]);
    for (const path of ["/require", "/accept", "/is"]) {
      const ws = await connect(at(path));
      await ws.send("hello");
      assertEquals(await ws.receive(), "hello");
      await ws.close();
    }
    const ws = await connect(at("/wait"));
    assertEquals(await ws.receive(), "Are you there?");
    await ws.send("yes");
    let answer = await ws.receive();
    while (answer === "Are you there?") answer = await ws.receive();
    assertEquals(answer, "yes, and 0 more");
    await ws.close();
  }));

test("tutorial's Channels program routes by room, and refuses foreign origins", () =>
  withServer("channels.ts", async (at) => {
    const room = at("/ws/chat/lobby");
    const ann = await connect(room, { headers: { origin: "https://www.example.org" } });
    const other = await connect(at("/ws/chat/other"));
    await connect(room);
    assertEquals(await receiveJson(ann), { event: "joined" });
    assertEquals(other.unread, 0);
    await ann.send("{");
    assertEquals((await ann.closed).code, 1007);
    await assertRejects(
      () => connect(room, { headers: { origin: "https://evil.example" } }),
      HandshakeError,
      "403",
    );
    await other.close();
  }));

test("tutorial's Channels program joins two processes by Redis", async () => {
  await using redis = await startRedis();
  await withServer("channels.ts", (here) =>
    withServer("channels.ts", async (there) => {
      const ann = await connect(here("/ws/chat/lobby"));
      const bob = await connect(there("/ws/chat/lobby"));
      assertEquals(await receiveJson(ann), { event: "joined" });
      await sendJson(bob, { text: "hello" });
      assertEquals(await receiveJson(ann), { event: "said", text: "hello" });
      await bob.close();
      assertEquals(await receiveJson(ann), { event: "left" });
      await ann.close();
    }, redis.url), redis.url);
}, { skip: redisSkip });
