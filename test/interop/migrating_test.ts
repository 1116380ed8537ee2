// docs/migrating.md: its programs, ours and theirs, each in a conversation, and its text.
//
// Ours runs on each runtime, and so do those of Bun and Deno on their own. One run is enough for the
// other programs: that is on Node.

import { assert, assertEquals, assertRejects } from "@std/assert";
import * as library from "@sansocket/ws";
import { connect, HandshakeError, WebSocketConnection } from "@sansocket/ws";
import * as node from "@sansocket/ws/node";
import * as testing from "@sansocket/ws/testing";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { blocksOf, takeBlocks } from "../support/code_blocks.ts";
import {
  type Child,
  findExecutable,
  root,
  run,
  type RuntimeName,
  start,
} from "../support/process.ts";
import { runtime, test } from "../support/test.ts";
import { skipReason } from "./harness.ts";
import { Queue } from "./peer.ts";

const folder = "examples/migrating";
const page = readFileSync(join(root, "docs/migrating.md"), "utf8");
const files = readdirSync(join(root, folder)).filter((name) => /\.(?:ts|mjs|py)$/.test(name));

/** What is seen of the chat, at both clients. */
interface Seen {
  /** The status that a client without a name gets. */
  readonly refused: number;
  /** What the clients receive, in order. */
  readonly messages: readonly unknown[];
  /** How the server closes a connection. */
  readonly closed: readonly [code: number, reason: string];
}

const expected: Seen = {
  refused: 401,
  messages: [
    "Ann: Is anyone here?",
    "Ben joined",
    "Ben: Grüße ☎",
    "Ben: Grüße ☎",
    "Ben left",
  ],
  closed: [4000, "Goodbye"],
};

/** Talks to a chat as two clients. */
async function talk(url: string): Promise<Seen> {
  const at = new URL("chat", url);
  const { status } = await assertRejects(() => connect(at), HandshakeError);
  const ann = await connect(new URL("?name=Ann", at));
  await ann.send("Is anyone here?");
  const messages: unknown[] = [await ann.receive()];
  const ben = await connect(new URL("?name=Ben", at));
  messages.push(await ann.receive());
  await ben.send("Grüße ☎");
  messages.push(await ann.receive(), await ben.receive());
  await ben.send("/quit");
  const { code, reason } = await ben.closed;
  messages.push(await ann.receive());
  await ann.close();
  return { refused: Number(status), messages, closed: [code, reason] };
}

/** A client of the chat of events. */
interface EventClient {
  send(event: string): void;
  ask(event: string, text: string): Promise<unknown>;
  next(): Promise<unknown>;
  readonly closed: Promise<unknown>;
}

/** Talks to a chat of events as two clients. */
async function talkEvents(
  enter: (name?: string) => Promise<EventClient>,
  refusal: (error: unknown) => unknown,
): Promise<unknown[]> {
  const refused = refusal(await assertRejects(() => enter()));
  const ann = await enter("Ann");
  const seen = [refused, await ann.ask("say", "Is anyone here?"), await ann.next()];
  const ben = await enter("Ben");
  seen.push(await ann.next(), await ben.ask("say", "Grüße ☎"), await ann.next(), await ben.next());
  ben.send("quit");
  await ben.closed;
  seen.push(await ann.next());
  ann.send("quit");
  await ann.closed;
  return seen;
}

const expectedEvents: readonly unknown[] = [
  "Who are you?",
  1,
  ["said", "Ann", "Is anyone here?"],
  ["joined", "Ben"],
  2,
  ["said", "Ben", "Grüße ☎"],
  ["said", "Ben", "Grüße ☎"],
  ["left", "Ben"],
];

/** A client of our chat of events. */
async function enterOurs(url: string, name?: string): Promise<EventClient> {
  const ws = await connect(new URL(name === undefined ? "" : `?name=${name}`, url));
  const events = new Queue<unknown>();
  const answers = new Queue<unknown>();
  let number = 0;
  const listen = async () => {
    for await (const message of ws) {
      const event = JSON.parse(String(message));
      if (event[0] !== "done") events.push(event);
      else if (event[1] === number) answers.push(event[2]);
    }
  };
  listen().catch((error) => events.fail(error));
  return {
    send: (event) => void ws.send(JSON.stringify([event])),
    ask(event, text) {
      ws.send(JSON.stringify([event, ++number, text]));
      return answers.shift();
    },
    next: () => events.shift(),
    closed: ws.closed,
  };
}

/** A client of socket.io's. */
async function enterTheirs(url: string, name?: string): Promise<EventClient> {
  const { io } = await import("socket.io-client");
  const auth = name === undefined ? {} : { name };
  const socket = io(url, { auth, forceNew: true, reconnection: false, transports: ["websocket"] });
  const events = new Queue<unknown>();
  const closed = new Promise((resolve) => socket.on("disconnect", resolve));
  socket.onAny((...event) => events.push(event));
  await new Promise<void>((resolve, reject) => {
    socket.on("connect", resolve);
    socket.on("connect_error", reject);
  }).catch((error) => {
    socket.close();
    throw error;
  });
  return {
    send: (event) => void socket.emit(event),
    ask: (event, text) => socket.emitWithAck(event, text),
    next: () => events.shift(),
    closed,
  };
}

/** Runs `body` with the address of a program that listens. */
async function withProgram(child: Child, body: (url: string) => Promise<void>): Promise<void> {
  try {
    const [, address = ""] = await child.waitFor(/Listening on .*?(127\.0\.0\.1:\d+)\/?\n/);
    await body(`http://${address}/`);
  } finally {
    await child.stop("SIGKILL");
  }
}

test("migrating's chat refuses, joins, tells all and closes", () =>
  withProgram(start(runtime, `${folder}/chat.ts`, ["0"]), async (url) => {
    assertEquals(await talk(url), expected);
  }));

test("migrating's chat of events refuses, joins, tells all, answers and closes", () =>
  withProgram(start(runtime, `${folder}/events.ts`, ["0"]), async (url) => {
    const refusal = (error: unknown) => error instanceof HandshakeError && error.body;
    assertEquals(await talkEvents((name) => enterOurs(url, name), refusal), expectedEvents);
  }));

// Debian's own has Debian's packages.
const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : findExecutable(["python3"]);

/** Why a program does not run here, if so. */
function skipOf(file: string): string | undefined {
  const on: RuntimeName = file.startsWith("bun")
    ? "bun"
    : file.startsWith("deno")
    ? "deno"
    : "node";
  if (runtime !== on) return `a program for ${on}`;
  if (!file.endsWith(".py")) return undefined;
  const code = readFileSync(join(root, folder, file), "utf8");
  const modules = [...code.matchAll(/^(?:from|import) (\w+)/gm)].map(([, module = ""]) => module);
  const find = "import importlib as i, sys; [i.import_module(name) for name in sys.argv[1:]]";
  const found = python !== undefined && spawnSync(python, ["-c", find, ...modules]).status === 0;
  return found ? undefined : skipReason(`no Python with ${[...new Set(modules)].join(", ")}`);
}

/** Starts a program of others. */
function startTheirs(file: string): Child {
  const path = `${folder}/${file}`;
  return file.endsWith(".py")
    ? run([python ?? "python3", "-B", path, "0"])
    : start(runtime, path, ["0"]);
}

/** What is different in the conversations of these, as the page says. */
const differences: Record<string, Partial<Seen>> = {
  "channels_chat.py": { refused: 403, closed: [4000, ""] },
};

for (const file of files.filter((name) => /_chat\./.test(name))) {
  test(
    `migrating's ${file} has the same conversation`,
    () =>
      withProgram(startTheirs(file), async (url) => {
        assertEquals(await talk(url), { ...expected, ...differences[file] });
      }),
    { skip: skipOf(file) },
  );
}

test(
  "migrating's socketio_events.mjs has the same conversation",
  () =>
    withProgram(startTheirs("socketio_events.mjs"), async (url) => {
      const refusal = (error: unknown) => error instanceof Error && error.message;
      assertEquals(await talkEvents((name) => enterTheirs(url, name), refusal), expectedEvents);
    }),
  { skip: skipOf("socketio_events.mjs") },
);

test("docs/migrating.md has the text of each program, and no other code", () => {
  const blocks = [
    ...takeBlocks("docs/migrating.md", "ts"),
    ...takeBlocks("docs/migrating.md", "js"),
    ...takeBlocks("docs/migrating.md", "python"),
  ];
  assertEquals(blocksOf("docs/migrating.md").length, blocks.length);
  const texts = files.map((name) => readFileSync(join(root, folder, name), "utf8"));
  assert(texts.length > 0);
  assertEquals(blocks.sort(), texts.sort());
  for (const name of files) assert(page.includes(`](../${folder}/${name})`), name);
});

test("docs/migrating.md names calls and properties that exist here", () => {
  const members = Object.getOwnPropertyNames(WebSocketConnection.prototype)
    .concat("data", "remoteAddress");
  const calls = Object.keys({ ...library, ...node, ...testing })
    // The hooks, what adopts a runtime's own server, and what a route is called with.
    .concat(members, "open", "message", "error", "upgrade", "adopt");
  const cells = page.split("\n").filter((line) => /^\| .* \|$/.test(line))
    .map((line) => line.split("|").at(-2) ?? "");
  const code = cells.flatMap((cell) => cell.match(/`[^`]*`/g) ?? [])
    .filter((text) => !text.includes("new URL"));
  const named = (pattern: RegExp): string[] =>
    code.flatMap((text) => [...text.matchAll(pattern)].map(([, name = ""]) => name));
  const called = named(/(\w+)\(/g);
  const used = named(/\bws\.(\w+)/g);
  assert(called.length > 50 && used.length > 20, `${called.length} ${used.length}`);
  assertEquals(called.filter((name) => !calls.includes(name)), []);
  assertEquals(used.filter((name) => !members.includes(name)), []);
});
