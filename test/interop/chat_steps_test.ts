// The steps of docs/learn/chat.md: the page shows the files in examples/learn/chat, and they do what
// it says. test/pages/chat_steps_test.ts has their pages in Chromium.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, HandshakeError, type WebSocketConnection } from "@sansocket/ws";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { takeBlocks } from "../support/code_blocks.ts";
import { type Child, commandOf, root, run, start } from "../support/process.ts";
import { redisSkip, startRedis } from "../support/redis_server.ts";
import { runtime, test } from "../support/test.ts";

const folder = "examples/learn/chat";
const steps = Array.from({ length: 12 }, (_, i) => i + 1);
const folderOf = (step: number): string => `${folder}/step${String(step).padStart(2, "0")}`;
const text = readFileSync(join(root, "docs/learn/chat.md"), "utf8");

interface File {
  readonly name: string;
  readonly lines: readonly string[];
}

/** The files of a step; before the first there are none. */
function filesOf(step: number): File[] {
  const path = join(root, folderOf(step));
  if (!existsSync(path)) return [];
  return readdirSync(path).map((name) => ({
    name,
    lines: readFileSync(join(path, name), "utf8").trimEnd().split("\n"),
  }));
}

/** The code that the page shows for a step. */
function shownIn(step: number): string[][] {
  const [, section = ""] = text.split(new RegExp(`^## ${step}\\. .*$`, "m"));
  const [own = ""] = section.split(/^## /m);
  return [...own.matchAll(/```(?:ts|js|html)\n([^]*?)\n```/g)]
    .map(([, code = ""]) => code.split("\n"));
}

/** Whether `part` stands in `lines` as it is, further to the left or right. */
function includes(lines: readonly string[], part: readonly string[]): boolean {
  const first = part[0] ?? "";
  return lines.some((line, at) => {
    if (!line.endsWith(first)) return false;
    const indent = line.slice(0, line.length - first.length);
    if (indent.trim() !== "") return false;
    return part.every((own, i) => lines[at + i] === (own === "" ? "" : indent + own));
  });
}

test("docs/learn/chat.md shows code in its steps alone", () => {
  const blocks = [
    ...takeBlocks("docs/learn/chat.md", "ts"),
    ...takeBlocks("docs/learn/chat.md", "js"),
    ...takeBlocks("docs/learn/chat.md", "html"),
  ];
  assertEquals(blocks.length, steps.flatMap(shownIn).length);
});

for (const step of steps) {
  test(`docs/learn/chat.md shows what step ${step} changes, as it stands in the files`, () => {
    const files = filesOf(step);
    const blocks = shownIn(step);
    assert(blocks.length > 0);
    for (const block of blocks) {
      assert(files.some(({ lines }) => includes(lines, block)), block.join("\n"));
    }
    const before = new Set(filesOf(step - 1).flatMap(({ lines }) => lines));
    const shown = new Set(blocks.flat().map((line) => line.trim()));
    for (const { name, lines } of files) {
      const changed = lines.filter((line) => !before.has(line) && !shown.has(line.trim()));
      // Not the last lines of an object or a function, and not the tags around the script.
      assertEquals(
        changed.filter((line) => !/^\s*(?:[\])}>,;]*|<\/?script.*)$/.test(line)),
        [],
        name,
      );
      assert(lines.length <= (name.endsWith(".html") ? 80 : 60), `${name} is too long`);
    }
  });
}

/** Runs the server of a step; `at` gives an address on it. */
async function withStep(
  step: number,
  body: (at: (path: string) => string, server: Child) => Promise<void>,
  env: readonly string[] = [],
): Promise<void> {
  const command = commandOf(runtime, `${folderOf(step)}/server.ts`, ["0"]);
  const server = run(["env", ...env, ...command]);
  try {
    const [, url = ""] = await server.waitFor(/^Chat: (http:\S+)$/m);
    await body((path) => new URL(path, url).href, server);
    assertEquals(server.output(), `Chat: ${url}\n`);
  } finally {
    await server.stop("SIGKILL");
  }
}

type Client = WebSocketConnection<undefined>;

interface Message {
  readonly name?: string;
  readonly text?: string;
  readonly position?: string;
  readonly people?: readonly string[];
  readonly missed?: true;
}

/** The next message that fits; others are passed over. */
async function until(ws: Client, fits: (message: Message) => boolean): Promise<Message> {
  for (;;) {
    const message: Message = JSON.parse(String(await ws.receive()));
    if (fits(message)) return message;
  }
}

const lists = (...names: string[]) => ({ people }: Message): boolean =>
  people?.join() === names.join();
const isSaid = (message: Message): boolean => message.text !== undefined;

/** What the next `count` texts are. */
async function hear(ws: Client, count: number): Promise<string[]> {
  const texts = [];
  while (texts.length < count) texts.push((await until(ws, isSaid)).text ?? "");
  return texts;
}

async function closeAll(...clients: readonly Client[]): Promise<void> {
  for (const ws of clients) await ws.close();
}

async function statusOf(opening: Promise<Client>): Promise<number | undefined> {
  return (await assertRejects(() => opening, HandshakeError)).status;
}

async function pageAt(url: string, cookie = ""): Promise<string> {
  return await (await fetch(url, { headers: { cookie } })).text();
}

test("chat step 1 serves its page", () =>
  withStep(1, async (at) => {
    assertEquals(await pageAt(at("/")), `${filesOf(1)[0]?.lines.join("\n")}\n`);
  }));

test("chat step 2 echoes, at the address of the page", () =>
  withStep(2, async (at) => {
    assertMatch(await pageAt(at("/")), /new WebSocket/);
    const [ada, grace] = [await connect(at("/")), await connect(at("/"))];
    await ada.send("hello");
    assertEquals(await ada.receive(), "hello");
    await grace.send("bye");
    assertEquals(await grace.receive(), "bye");
    await closeAll(ada, grace);
  }));

test("chat step 3 sends to all", () =>
  withStep(3, async (at) => {
    const clients = [await connect(at("/")), await connect(at("/"))];
    for (const ws of clients) await ws.ping();
    await clients[0]?.send("hello");
    for (const ws of clients) assertEquals(await ws.receive(), "hello");
    await closeAll(...clients);
  }));

test("chat step 4 names who speaks", () =>
  withStep(4, async (at) => {
    const [ada, guest] = [await connect(at("/?name=Ada")), await connect(at("/"))];
    await guest.ping();
    await ada.send("hello");
    assertEquals(JSON.parse(String(await guest.receive())), { name: "Ada", text: "hello" });
    await guest.send("hi");
    await until(ada, ({ name }) => name === "Guest");
    await closeAll(ada, guest);
  }));

/** What step 5 refuses, and each step after it. */
async function refusesBadMessages(open: () => Promise<Client>): Promise<void> {
  const binary = await open();
  await binary.send(new Uint8Array(3));
  const { code, reason } = await binary.closed;
  assertEquals([code, reason], [1003, "Expected text"]);
  const long = await open();
  await long.send("x".repeat(4_001)).catch(() => {});
  assertEquals((await long.closed).code, 1009);
  const fast = await open();
  fast.ignoreMessages();
  for (let i = 0; i < 100; i++) fast.send("x").catch(() => {});
  assertEquals((await fast.closed).code, 1008);
}

test("chat step 5 refuses names and messages that are none", () =>
  withStep(5, async (at) => {
    for (const name of ["", "%20", "n".repeat(31)]) {
      assertEquals(await statusOf(connect(at(`/?name=${name}`))), 400);
    }
    await refusesBadMessages(() => connect(at("/?name=Ada")));
    const ws = await connect(at("/?name=Ada"));
    await ws.send("x".repeat(4_000));
    assertEquals((await hear(ws, 1))[0]?.length, 4_000);
    await closeAll(ws);
  }));

test("chat step 6 has rooms", () =>
  withStep(6, async (at) => {
    const redirected = await fetch(at("/"), { redirect: "manual" });
    await redirected.body?.cancel();
    assertEquals(redirected.headers.get("location"), "/rooms/lobby");
    assertMatch(await pageAt(at("/rooms/tea")), /new WebSocket/);
    assertEquals(await statusOf(connect(at(`/rooms/${"r".repeat(31)}?name=Ada`))), 404);
    const ada = await connect(at("/rooms/tea?name=Ada"));
    const grace = await connect(at("/rooms/tea?name=Grace"));
    const eve = await connect(at("/rooms/coffee?name=Eve"));
    for (const ws of [grace, eve]) await ws.ping();
    await ada.send("tea?");
    await eve.send("coffee?");
    assertEquals(await hear(grace, 1), ["tea?"]);
    assertEquals(await hear(eve, 1), ["coffee?"]);
    await refusesBadMessages(() => connect(at("/rooms/bad?name=Eve")));
    await closeAll(ada, grace, eve);
  }));

test("chat step 7 says who is here", () =>
  withStep(7, async (at) => {
    const ada = await connect(at("/rooms/tea?name=Ada"));
    await until(ada, lists("Ada"));
    const again = await connect(at("/rooms/tea?name=Ada"));
    await until(again, lists("Ada"));
    const grace = await connect(at("/rooms/tea?name=Grace"));
    for (const ws of [ada, again, grace]) await until(ws, lists("Ada", "Grace"));
    await refusesBadMessages(() => connect(at("/rooms/bad?name=Eve")));
    await closeAll(ada, again, grace);
  }));

test("chat step 8 tells a newcomer what was said before: the last 50 messages", () =>
  withStep(8, async (at) => {
    const said = Array.from({ length: 55 }, (_, i) => `message ${i}`);
    for (let i = 0; i < said.length; i += 15) {
      // Each connection may send 20 messages in a second.
      const ws = await connect(at("/rooms/tea?name=Ada"));
      const own = said.slice(i, i + 15);
      for (const one of own) await ws.send(one);
      assertEquals((await hear(ws, i + own.length)).slice(i), own);
      await closeAll(ws);
    }
    const grace = await connect(at("/rooms/tea?name=Grace"));
    assertEquals(await hear(grace, 50), said.slice(5));
    await closeAll(grace);
  }));

/** What step 9 promises; `enter` opens a connection with a position. */
async function comesBack(enter: (position?: string) => Promise<Client>): Promise<void> {
  const ada = await enter();
  for (const one of ["one", "two", "three"]) await ada.send(one);
  const { position } = await until(ada, isSaid);
  assertEquals(await hear(ada, 2), ["two", "three"]);
  const back = await enter(position);
  assertEquals(await hear(back, 2), ["two", "three"]);
  await ada.send("four");
  assertEquals(await hear(back, 1), ["four"]);
  for (const unknown of ["2 nowhere", "999999999999999 x"]) {
    const lost = await enter(unknown);
    assertEquals(await hear(lost, 4), ["one", "two", "three", "four"]);
    await until(lost, ({ missed }) => missed === true);
    await closeAll(lost);
  }
  for (const none of ["", "1", "x y", `1 ${"e".repeat(101)}`, "-1 x"]) {
    const ws = await enter(none);
    assertEquals(await hear(ws, 4), ["one", "two", "three", "four"]);
    await closeAll(ws);
  }
  await closeAll(ada, back);
}

test("chat step 9 sends a page that comes back what it has missed, and nothing twice", () =>
  withStep(
    9,
    (at) =>
      comesBack((position = "") =>
        connect(at(`/rooms/tea?${new URLSearchParams({ name: "Ada", position })}`))
      ),
  ));

/** Logs in by the form; the result is the cookie. */
async function logIn(at: (path: string) => string, name: string): Promise<string> {
  const body = new URLSearchParams({ name });
  const answer = await fetch(at("/login"), { method: "POST", body, redirect: "manual" });
  assertEquals([answer.status, answer.headers.get("location")], [303, "/"], await answer.text());
  const [cookie = "", ...attributes] = answer.headers.get("set-cookie")?.split("; ") ?? [];
  assertEquals(attributes, ["HttpOnly", "SameSite=Lax", "Max-Age=86400"]);
  return cookie;
}

async function enter(url: string, cookie: string, position = ""): Promise<Client> {
  return await connect(`${url}?${new URLSearchParams({ position })}`, { headers: { cookie } });
}

for (const step of [10, 11, 12]) {
  test(`chat step ${step} knows who asks`, () =>
    withStep(step, async (at) => {
      const tea = at("/rooms/tea");
      const login = await fetch(tea, { redirect: "manual" });
      await login.body?.cancel();
      assertEquals([login.status, login.headers.get("location")], [303, "/login"]);
      assertMatch(await pageAt(at("/login")), /<form method="post">/);
      for (const name of ["", "  ", "n".repeat(31)]) {
        const body = new URLSearchParams({ name });
        const refused = await fetch(at("/login"), { method: "POST", body });
        await refused.text();
        assertEquals(refused.status, 400);
      }

      const cookie = await logIn(at, 'J\u00fcrgen "; <b>');
      assertMatch(
        await pageAt(tea, cookie),
        /<body data-name="J\u00fcrgen &quot;; &lt;b&gt;">/,
      );
      const forged = cookie.replace(/.$/, (last) => last === "A" ? "B" : "A");
      for (
        const other of [
          "",
          "user=Ada",
          "user=Ada.",
          forged,
          `x${cookie}`,
          cookie.replace("J", "K"),
          `user=%.${"a".repeat(43)}`,
        ]
      ) {
        assertEquals(await statusOf(enter(tea, other)), 401, other);
      }
      const foreign = { cookie, origin: "https://evil.example" };
      assertEquals(await statusOf(connect(tea, { headers: foreign })), 403);

      const ws = await enter(tea, `a=b; ${cookie}; c=d`);
      await until(ws, lists('J\u00fcrgen "; <b>'));
      await closeAll(ws);
      await refusesBadMessages(() => enter(at("/rooms/bad"), cookie));
      await comesBack((position) => enter(at("/rooms/back"), cookie, position));
    }));
}

for (const step of [11, 12]) {
  test(
    `chat step ${step} is one chat in two processes, and its history outlives them`,
    async () => {
      await using redis = await startRedis();
      const env = [`REDIS_URL=${redis.url}`, "SECRET=of both"];
      let position: string | undefined;
      await withStep(step, async (here, first) => {
        await withStep(step, async (there) => {
          const cookies = [await logIn(here, "Ada"), await logIn(there, "Grace")] as const;
          const ada = await enter(there("/rooms/tea"), cookies[0]);
          const grace = await enter(here("/rooms/tea"), cookies[1]);
          for (const ws of [ada, grace]) await until(ws, lists("Ada", "Grace"));
          await ada.send("one");
          ({ position } = await until(grace, isSaid));
          await grace.send("two");
          assertEquals(await hear(ada, 2), ["one", "two"]);
          if (step === 12) {
            // What is said just before the end reaches the others.
            await grace.send("three");
            await hear(grace, 2);
            first.signal("SIGTERM");
            assertEquals((await grace.closed).code, 1012);
            assertEquals(await first.exit, 0);
            assertEquals(await hear(ada, 1), ["three"]);
          }
          await closeAll(ada, grace);
        }, env);
      }, env);
      await withStep(step, async (at) => {
        const ada = await enter(at("/rooms/tea"), await logIn(at, "Ada"), position);
        assertEquals(await hear(ada, step - 10), ["two", "three"].slice(0, step - 10));
        await closeAll(ada);
      }, env);
    },
    { skip: redisSkip },
  );
}

test("chat step 12 ends by SIGTERM, with 1012 for each connection", () =>
  withStep(12, async (at, server) => {
    const ws = await enter(at("/rooms/tea"), await logIn(at, "Ada"));
    await until(ws, lists("Ada"));
    server.signal("SIGTERM");
    assertEquals((await ws.closed).code, 1012);
    assertEquals(await server.exit, 0);
  }));

test("chat step 12 has a test that prints what it says", async () => {
  const file = `${folderOf(12)}/chat_test.ts`;
  const code = readFileSync(join(root, file), "utf8");
  const expected = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, line]) => line);
  assertEquals(expected.length, 3);
  const child = start(runtime, file);
  assertEquals(await child.exit, 0, child.output());
  assertEquals(child.output().trim().split("\n"), expected);
});
