// examples/chat/server.ts without its page: what it says to those who do not keep to the page's rules.

import { assertEquals } from "@std/assert";
import { connect, serve } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";
import { type Child, run, start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

test("chat example answers bad input with an error, and lives on", async () => {
  const server = start(runtime, "examples/chat/server.ts", ["--port", "0"]);
  try {
    const url = (await server.waitFor(/^Chat: (http:\S+)$/m))[1] ?? "";
    const ws = await connect(new URL("/rooms/lobby", url.replace("http", "ws")));
    const answer = async (message: string | Uint8Array<ArrayBuffer>) => {
      await ws.send(message);
      return JSON.parse(String(await ws.receive()));
    };
    for (const [message, text] of BAD_INPUT) {
      assertEquals(await answer(message), { type: "error", text });
    }
    const name = "n".repeat(30);
    await ws.send(JSON.stringify({ type: "name", name: ` ${name.slice(2)} ` }));
    await until(ws, { type: "people", names: [name.slice(2)] });
    await ws.close();
    for (
      const [path, status, text] of [
        ["/missing", 404, "Not found\n"],
        [`/rooms/${"r".repeat(31)}`, 404, "No such room\n"],
      ] as const
    ) {
      const missing = await fetch(new URL(path, url), { headers: { connection: "close" } });
      assertEquals([missing.status, await missing.text()], [status, text]);
    }
  } finally {
    assertEquals(await server.stop(), 0, server.output());
  }
});

test("chat example keeps what is said and who is here within a room", async () => {
  const server = start(runtime, "examples/chat/server.ts", ["--port", "0"]);
  try {
    const url = (await server.waitFor(/^Chat: (http:\S+)$/m))[1] ?? "";
    const enter = async (room: string, name: string) => {
      const ws = await connect(new URL(`/rooms/${room}`, url));
      await ws.send(JSON.stringify({ type: "name", name }));
      await until(ws, { type: "people", names: [name] });
      return ws;
    };
    const people = (...names: string[]) => ({ type: "people", names });
    const ada = await enter("tea", "Ada");
    const carl = await enter("%E2%98%8E", "Carl");
    const grace = await connect(new URL("/rooms/tea", url));
    await grace.send('{"type":"name","name":"Grace"}');
    await until(grace, people("Ada", "Grace"));
    await carl.send('{"type":"text","text":"in another room"}');
    await grace.send('{"type":"text","text":"hello"}');
    await until(ada, { type: "notice", text: "Grace joined" });
    await until(ada, people("Ada", "Grace"));
    for (const ws of [ada, grace]) await until(ws, { type: "text", name: "Grace", text: "hello" });
    await grace.send('{"type":"name","name":"Admiral"}');
    await until(ada, { type: "notice", text: "Grace is now Admiral" });
    await until(ada, people("Ada", "Admiral"));
    const other = await until(carl, { type: "text" });
    assertEquals(other["text"], "in another room");
    for (const ws of [ada, carl, grace]) await ws.close();
  } finally {
    assertEquals(await server.stop(), 0, server.output());
  }
});

test("chat example gives a page that comes back what it has missed, and those who stay no news", async () => {
  const server = start(runtime, "examples/chat/server.ts", ["--port", "0"]);
  try {
    const url = (await server.waitFor(/^Chat: (http:\S+)$/m))[1] ?? "";
    const heard: Message[] = [];
    const enter = async (name: string, since?: unknown) => {
      const ws = await connect(new URL("/rooms/tea", url));
      await ws.send(JSON.stringify({ type: "name", name, id: `page of ${name}`, since }));
      const texts: Message[] = [];
      const entered = await until(ws, { type: "entered" }, texts);
      return { ws, entered, texts: texts.filter(({ type }) => type === "text") };
    };
    const said = (messages: Message[]) => messages.map(({ text }) => text);
    const say = async (ws: Page, ...texts: string[]) => {
      for (const text of texts) await ws.send(JSON.stringify({ type: "text", text }));
      await until(ws, { type: "text", text: texts.at(-1)! }, heard);
    };

    const ada = await enter("Ada");
    const grace = await enter("Grace");
    await say(ada.ws, "1", "2");
    const { position } = await until(grace.ws, { type: "text", text: "2" });
    grace.ws.terminate();
    await say(ada.ws, "3", "4");
    const again = await enter("Grace", position);
    assertEquals([again.entered["recovered"], said(again.texts)], [true, ["3", "4"]]);
    await until(again.ws, { type: "people", names: ["Ada", "Grace"] });
    await say(ada.ws, "5");
    await until(again.ws, { type: "text", text: "5" });

    // More than the 50 that are kept: it gets those, and is told.
    again.ws.terminate();
    await say(ada.ws, ...Array.from({ length: 60 }, (_, i) => `more ${i}`));
    const late = await enter("Grace", position);
    assertEquals([late.entered["recovered"], late.entered["reason"]], [false, "expired"]);
    assertEquals(said(late.texts), Array.from({ length: 50 }, (_, i) => `more ${i + 10}`));
    // A position of a stranger counts as none.
    const stranger = await enter("Carl", { epoch: 7, offset: -1 });
    assertEquals([stranger.entered["recovered"], stranger.texts.length], [true, 50]);

    assertEquals(
      heard.filter(({ type, text }) => type === "notice" && text !== "Grace joined"),
      [],
      "Expected nobody to have left",
    );
    for (const { ws } of [ada, late, stranger]) await ws.close();
  } finally {
    assertEquals(await server.stop(), 0, server.output());
  }
});

type Message = Record<string, unknown>;
type Page = WebSocketConnection<undefined>;

/** Waits for a message with these fields, and keeps the others in `passed`. */
async function until(ws: Page, fields: Message, passed: Message[] = []): Promise<Message> {
  for (;;) {
    const message: Message = JSON.parse(String(await ws.receive()));
    const fits = Object.entries(fields)
      .every(([name, value]) => JSON.stringify(message[name]) === JSON.stringify(value));
    if (fits) return message;
    passed.push(message);
  }
}

/** The example itself on the runtime at hand, and what `npm start` runs. */
const starters: [what: string, start: (...args: string[]) => Child, said: RegExp][] = [
  ["chat example", (...args) => start(runtime, "examples/chat/server.ts", args), /^/],
  ["npm start", (...args) => run(["node", ".ci/start.mjs", ...args]), /^start: node .*\n/],
];

for (const [what, begin, said] of starters) {
  const skip = what === "npm start" && runtime !== "node" && "npm start runs on Node everywhere";
  test(`${what} closes each page with 1001 on Ctrl+C, though the signal comes twice`, async () => {
    const server = begin("--port", "0");
    const [, url = ""] = await server.waitFor(/^Chat: (http:\S+)$/m);
    const pages = [await connect(`${url}/rooms/lobby`), await connect(`${url}/rooms/lobby`)];
    server.signal("SIGINT");
    // The closes are spread over half a second, so that the second signal comes in the middle.
    await Promise.race(pages.map((page) => page.closed));
    server.signal("SIGINT");
    for (const page of pages) {
      const { code, wasClean } = await page.closed;
      assertEquals({ code, wasClean }, { code: 1001, wasClean: true });
    }
    assertEquals(await server.exit, 0, server.output());
  }, { skip });

  test(`${what} says in one line that its port is in use`, async () => {
    await using taken = await serve({ port: 0, websocket() {} });
    const { port } = taken;
    const server = begin("--port", `${port}`);
    assertEquals(await server.exit, 1, server.output());
    assertEquals(
      server.output().replace(said, ""),
      `Could not listen on 127.0.0.1:${port}: the port is in use; stop the program that uses it, or take ` +
        "another port (EADDRINUSE)\n",
    );
  }, { skip });
}

const NAME = "Expected a name of 1 to 30 characters";
const TEXT = "Expected a text of 1 to 1000 characters";
const TYPE = 'Expected the type "name" or "text"';

const BAD_INPUT: [string | Uint8Array<ArrayBuffer>, string][] = [
  [new Uint8Array([0x7b, 0x7d]), "Expected text, got binary"],
  ["", "Expected JSON"],
  ["{", "Expected JSON"],
  ["null", TYPE],
  ["1", TYPE],
  ["[]", TYPE],
  ['{"type":"people"}', TYPE],
  ['{"__proto__":{"type":"name"}}', TYPE],
  ['{"type":"name"}', NAME],
  ['{"type":"name","name":7}', NAME],
  ['{"type":"name","name":""}', NAME],
  ['{"type":"name","name":" \\n "}', NAME],
  [JSON.stringify({ type: "name", name: "n".repeat(31) }), NAME],
  ['{"type":"text","text":["a"]}', TEXT],
  ['{"type":"text","text":"   "}', TEXT],
  [JSON.stringify({ type: "text", text: "t".repeat(1001) }), TEXT],
  ['{"type":"text","text":"hello"}', "Send your name first"],
];
