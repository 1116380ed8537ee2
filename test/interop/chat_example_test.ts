// examples/chat/server.ts without its page: what it says to those who do not keep to the page's rules.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, serve } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";
import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type Child, commandOf, root, run, start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

/** Starts the example, and ends it after `body`, which gets its address. */
async function withChat(body: (url: string) => Promise<void>): Promise<void> {
  const server = start(runtime, "examples/chat/server.ts", ["--port", "0"]);
  try {
    const [, url = ""] = await server.waitFor(/^Chat: (http:\S+)$/m);
    await body(url);
    assertEquals(server.output(), `Chat: ${url}\n`);
  } finally {
    assertEquals(await server.stop(), 0, server.output());
  }
}

test("chat example answers bad input with an error, and lives on", () =>
  withChat(async (url) => {
    const ws = await connect(new URL("/rooms/lobby", url.replace("http", "ws")));
    const answer = async (message: string | Uint8Array<ArrayBuffer>) => {
      await ws.send(message);
      return JSON.parse(String(await ws.receive()));
    };
    for (const [message, expected] of BAD_INPUT) {
      assertEquals(await answer(message), { type: "error", ...expected }, String(message));
    }
    const name = "n".repeat(30);
    await ws.send(JSON.stringify({ type: "name", name: ` ${name.slice(2)} ` }));
    await until(ws, { type: "people", names: [name.slice(2)] });
    await ws.close();
    // One that has a name is judged alike, and what it says then is still said.
    const other = await connect(new URL("/rooms/lobby", url));
    await other.send('{"type":"name","name":"Ada"}');
    for (const [message, expected] of BAD_INPUT.slice(0, -1)) {
      await other.send(message);
      await until(other, { type: "error", ...expected });
    }
    await other.send('{"type":"text","text":"still here"}');
    await until(other, { type: "text", text: "still here" });
    await other.close();
    for (
      const [path, status, text] of [
        ["/missing", 404, "Not found\n"],
        [`/rooms/${"r".repeat(31)}`, 404, "No such room\n"],
        ["/alive", 200, "alive\n"],
      ] as const
    ) {
      const missing = await fetch(new URL(path, url), { headers: { connection: "close" } });
      assertEquals([missing.status, await missing.text()], [status, text]);
    }
  }));

test("chat example closes a connection that sends too much, with a reason", () =>
  withChat(async (url) => {
    const stays = await connect(new URL("/rooms/lobby", url));
    await stays.send('{"type":"name","name":"Ada"}');
    await until(stays, { type: "entered" });
    const flood = Array.from({ length: 1_000 }, (_, i) => `{"type":"text","text":"${i}"}`);
    for (
      const [what, messages, code] of [
        ["a name of 1 MB", [JSON.stringify({ type: "name", name: "n".repeat(1_000_000) })], 1009],
        ["a text of 1 MB", [JSON.stringify({ type: "text", text: "t".repeat(1_000_000) })], 1009],
        ["1 MB of depth", ["[".repeat(500_000) + "]".repeat(500_000)], 1009],
        ["1,000 messages at once", ['{"type":"name","name":"Eve"}', ...flood], 1008],
      ] as const
    ) {
      const ws = await connect(new URL("/rooms/lobby", url));
      for (const message of messages) ws.send(message).catch(() => {});
      // It reads what comes, as a page does: the Close frame is behind that.
      const read = async () => {
        for await (const _ of ws) continue;
      };
      await read().catch(() => {});
      const end = await ws.closed;
      assertEquals(end.code, code, what);
      assert(end.reason, `${what}: expected a reason`);
    }
    await stays.send('{"type":"text","text":"still here"}');
    await until(stays, { type: "text", text: "still here" });
    await stays.close();
  }));

test("chat example keeps names apart, by what they look like", () =>
  withChat(async (url) => {
    const enter = async (name: string, id: string) => {
      const ws = await connect(new URL("/rooms/lobby", url));
      await ws.send(JSON.stringify({ type: "name", name, id }));
      const { name: given, taken, author } = await until(ws, { type: "you" });
      await until(ws, { type: "entered" });
      return { ws, given, taken, author };
    };
    const ada = await enter("Ada", "a");
    assertEquals([ada.given, ada.taken], ["Ada", false]);
    const names = ["ada", " A da ", "A\u200bda", "\uff21da", "\u202eAda"];
    const others = [];
    for (const [index, name] of names.entries()) others.push(await enter(name, `other${index}`));
    assertEquals(others.map(({ given }) => given), [
      "ada 2",
      "A da 3",
      "A\u200bda 4",
      "\uff21da 5",
      "Ada 6", // without the override, which would turn it
    ]);
    assert(others.every(({ taken }) => taken));
    // A page that comes back is no second one, whether its former connection has ended or not.
    const again = await enter("Ada", "a");
    assertEquals([again.given, again.author], ["Ada", ada.author]);
    assertEquals(new Set([ada, ...others].map(({ author }) => author)).size, 6);
    assert(!JSON.stringify(others.map(({ author }) => author)).includes("other"), "Expected no id");
    // A later name is asked for, in place of chosen.
    const { ws } = others[0]!;
    await ws.send('{"type":"name","name":"ADA"}');
    await until(ws, { type: "error", of: "name", text: "This name is taken: choose another" });
    await ws.send('{"type":"name","name":"Grace"}');
    await until(ws, { type: "you", name: "Grace", taken: false });
    await until(ws, { type: "notice", name: "ada 2", text: "is now", to: "Grace" });
    for (const { ws } of [ada, again, ...others]) await ws.close();
  }));

test("chat example lets its page run and show only what stands in it", () =>
  withChat(async (url) => {
    for (const path of ["/", "/rooms/tea"]) {
      const response = await fetch(new URL(path, url), { headers: { connection: "close" } });
      const page = await response.text();
      const hash = (tag: string) => {
        const content = page.split(new RegExp(`<${tag}[^>]*>`))[1]!.split(`</${tag}>`)[0]!;
        return `'sha256-${createHash("sha256").update(content).digest("base64")}'`;
      };
      assertEquals(
        response.headers.get("content-security-policy"),
        `default-src 'none'; script-src ${hash("script")}; style-src ${hash("style")}; ` +
          "connect-src 'self'; frame-src 'self'; img-src data:; base-uri 'none'; " +
          "form-action 'none'; frame-ancestors 'none'",
      );
      assertEquals(response.headers.get("x-content-type-options"), "nosniff");
      assertEquals(response.headers.get("referrer-policy"), "no-referrer");
    }
  }));

test("chat example in a terminal talks with those who have the page", () =>
  withChat(async (url) => {
    const ws = await connect(new URL("/rooms/tea", url));
    await ws.send('{"type":"name","name":"Ada"}');
    await until(ws, { type: "entered" });
    await ws.send(JSON.stringify({ type: "text", text: "said\u001b[31m before" }));
    await until(ws, { type: "text" });
    const command = commandOf(runtime, "examples/chat/terminal.ts", [
      "--url",
      url,
      "--room",
      "tea",
    ]);
    const [executable, ...args] = command;
    const terminal = spawn(executable, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(terminal, "exit");
    terminal.stdin.write("hello\nand more\n");
    await until(ws, { type: "text", name: "Terminal", text: "hello" });
    await until(ws, { type: "text", name: "Terminal", text: "and more" });
    const lines: string[] = [];
    for await (const line of createInterface({ input: terminal.stdout })) {
      lines.push(line);
      if (line === "Terminal: and more") terminal.stdin.end();
    }
    assertEquals(await ended, [0, null]);
    assertEquals(lines, [
      "You are Terminal. Type a line and Enter.",
      "Ada: said[31m before",
      "Terminal: hello",
      "Terminal: and more",
    ]);
    await ws.close();
  }));

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
    await until(ada, { type: "notice", name: "Grace", text: "joined" });
    await until(ada, people("Ada", "Grace"));
    for (const ws of [ada, grace]) await until(ws, { type: "text", name: "Grace", text: "hello" });
    await grace.send('{"type":"name","name":"Admiral"}');
    await until(ada, { type: "notice", name: "Grace", text: "is now", to: "Admiral" });
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
      await ws.send(JSON.stringify({ type: "name", name, id: `page-of-${name}`, since }));
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
      heard.filter(({ type, text }) => type === "notice" && text !== "joined"),
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
const starters: [what: string, start: (...args: string[]) => Child][] = [
  ["chat example", (...args) => start(runtime, "examples/chat/server.ts", args)],
  ["npm start", (...args) => run(["node", ".ci/start.mjs", ...args])],
];

for (const [what, begin] of starters) {
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

  test(`${what} says in one line that its port is in use, and what to do`, async () => {
    await using taken = await serve({ port: 0, websocket() {} });
    const { port } = taken;
    const server = begin("--port", `${port}`);
    assertEquals(await server.exit, 1, server.output());
    assertEquals(
      server.output(),
      `Could not listen on 127.0.0.1:${port}: the port is in use; stop the program that uses it, or take ` +
        "another port (EADDRINUSE, errors.md#eaddrinuse)\n",
    );
  }, { skip });
}

test("npm start prints the address, and two things to try from a second terminal", async () => {
  const server = run(["node", ".ci/start.mjs", "--port", "0"]);
  try {
    const [, url = ""] = await server.waitFor(/^Chat: (http:\S+)$/m);
    await server.waitFor(/Ctrl\+C ends the chat\./);
    const commands = [...server.output().matchAll(/^ {2}((?:node|npm) .*)$/gm)].map(([, it]) => it);
    const [first = "", second] = commands;
    assertEquals(commands, [
      `node --import tsx examples/chat/terminal.ts --url ${url}`,
      "npm run dashboard",
    ]);
    // The first as it is; the second is tested by dashboard_example_test.ts.
    const ws = await connect(new URL("/rooms/lobby", url));
    await ws.send('{"type":"name","name":"Ada"}');
    const terminal = run(["sh", "-c", `echo hello | ${first}`]);
    await until(ws, { type: "text", name: "Terminal", text: "hello" });
    assertEquals(await terminal.exit, 0, terminal.output());
    assert(second);
    await ws.close();
    assertMatch(server.output(), new RegExp(`^Chat: ${url}\n`));
  } finally {
    assertEquals(await server.stop(), 0, server.output());
  }
}, { skip: runtime !== "node" && "npm start runs on Node everywhere" });

const NAME = { of: "name", text: "Expected a name of 1 to 30 characters" };
const TEXT = { text: "Expected a text of 1 to 1000 characters" };
const TYPE = { text: 'Expected the type "name" or "text"' };
const JSON_TEXT = { text: "Expected JSON" };

const name = (value: string): string => JSON.stringify({ type: "name", name: value });
const text = (value: string): string => JSON.stringify({ type: "text", text: value });

/** The last is right from one that has sent its name. */
const BAD_INPUT: [string | Uint8Array<ArrayBuffer>, { of?: string; text: string }][] = [
  [new Uint8Array([0x7b, 0x7d]), { text: "Expected text, got binary" }],
  [new Uint8Array(0), { text: "Expected text, got binary" }],
  ["", JSON_TEXT],
  ["{", JSON_TEXT],
  ["[".repeat(16_000), JSON_TEXT],
  ["[".repeat(8_000) + "]".repeat(8_000), TYPE],
  ['{"a":'.repeat(2_500) + "1" + "}".repeat(2_500), TYPE],
  ["null", TYPE],
  ["1", TYPE],
  ['"name"', TYPE],
  ["[]", TYPE],
  ['["name","Ada"]', TYPE],
  ['{"type":"people"}', TYPE],
  ['{"type":["name"],"name":"Ada"}', TYPE],
  ['{"type":"constructor"}', TYPE],
  ['{"__proto__":{"type":"name","name":"Ada"}}', TYPE],
  ['{"constructor":{"prototype":{"type":"name"}}}', TYPE],
  ['{"type":"name"}', NAME],
  ['{"type":"name","name":7}', NAME],
  ['{"type":"name","name":null}', NAME],
  ['{"type":"name","name":{"toString":"Ada","length":1}}', NAME],
  [name(""), NAME],
  [name(" \n "), NAME],
  // Blank to the eye: spaces of no width, fillers, a Braille pattern without dots, controls.
  [name("\u200b\u2060\ufeff"), NAME],
  [name("\u3164\u115f\uffa0"), NAME],
  [name("\u2800"), NAME],
  [name("\u202e\u0000\u00ad"), NAME],
  [name("\u{e0041}\ufe0f"), NAME],
  [name("n".repeat(31)), NAME],
  [name("\u{1f600}".repeat(31)), NAME],
  [name("n".repeat(15_000)), NAME],
  ['{"type":"name","name":"\\ud800"}', NAME],
  ['{"type":"name","name":"A\\udc00a"}', NAME],
  ['{"type":"text","text":["a"]}', TEXT],
  ['{"type":"text","text":"a\\ud83d"}', TEXT],
  ['{"type":"text","text":"   "}', TEXT],
  ['{"type":"text","text":"   ","id":"1-2"}', { ...TEXT, of: "1-2" }],
  ['{"type":"text","text":"","id":{"a":1}}', TEXT],
  ['{"type":"text","text":"","id":"<b>"}', TEXT],
  [text("\u200b \u200b"), TEXT],
  [text("t".repeat(1001)), TEXT],
  ['{"type":"text","text":"hello","id":"7"}', { of: "7", text: "Send your name first" }],
];
