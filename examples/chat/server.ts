// A chat with rooms. Each address /rooms/NAME has the page and its socket; `/` is the room "lobby".
// The same file runs on three runtimes:
//   deno run -A examples/chat/server.ts
//   bun examples/chat/server.ts
//   node --import tsx examples/chat/server.ts
// With REDIS_URL, any number of processes are one chat: `npm run chat:cluster` shows two.
//
// Every message is a small JSON object with a `type`:
//   page to server   { type: "name", name, id, since }   first: who I am, a name of this page that
//                                                        stays, and the last position that I have
//                    { type: "name", name }              later: my new name
//                    { type: "text", text }              what I say
//   server to page   { type: "text", name, text, position }      what a person says, in order; what
//                                                                the page has missed comes first
//                    { type: "entered", recovered, position }    the page has all of that, or not
//                    { type: "people", names }           who is in this room now
//                    { type: "notice", text }            what happened: joined, left, renamed
//                    { type: "error", text }             what was wrong with your message

import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { createTopics, isUpgrade, PreparedMessage, serve } from "@sansocket/ws";
import type { SubscribeResult, TopicPosition, WebSocketConnection } from "@sansocket/ws";
import { redisBackplane } from "@sansocket/ws/redis";

type FromPage =
  | { type: "name"; name: string } & Entry
  | { type: "text"; text: string }
  | { type: "error"; text: string };

/** What the first message of a page has besides its name. */
interface Entry {
  readonly id: string | undefined;
  readonly since: TopicPosition | undefined;
}

type ToPage =
  | { type: "people"; names: string[] }
  | { type: "text"; name: string; text: string } // and its position, see `format`
  | SubscribeResult & { type: "entered"; server: number | undefined }
  | { type: "notice" | "error"; text: string };

/** A connection, with its room, and the id and name that are empty until the page has sent them. */
type Chatter = WebSocketConnection<{ readonly room: string; id: string; name: string }>;

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "8002" },
    hostname: { type: "string", default: "127.0.0.1" },
  },
});

// Read once: the page is the same for every client and every room.
const page = await readFile(new URL("index.html", import.meta.url));

/** The pages of this process that have sent a name, in all rooms. */
const pages = new Set<Chatter>();

/** The names of those who are in a room, in all processes, by the id of the page. See `watch`. */
const rooms = new Map<string, Map<string, string>>();

// What is published to a topic goes to all connections that have subscribed to it. A room is a
// topic, and needs nothing else: it is there as soon as a page subscribes. Its last 50 messages
// are kept for a day, each with its position, which the page sends when it comes back.
const { REDIS_URL } = process.env;
const topics = createTopics({
  backplane: REDIS_URL ? await joinProcesses(REDIS_URL) : undefined,
  outage: "hold",
  history: [{
    prefix: "",
    size: 50,
    ttl: 86_400_000,
    format: (data, position) => JSON.stringify({ ...JSON.parse(data as string), position }),
  }],
  onFirstSubscriber: watch,
  onState({ state, reason }) {
    if (state === "down") console.error(`Redis cannot be reached: ${reason}`);
    const text = state === "up"
      ? "The servers are connected"
      : "The servers are not connected: what you say comes later";
    for (const ws of pages) sendTo(ws, { type: "notice", text });
  },
  onGap({ topic }) {
    if (topic !== undefined) {
      sendToRoom(topic, { type: "notice", text: "Some messages may be missing here" });
    }
  },
});

/** Connects to Redis, but does not wait: the chat serves its own people without it. */
async function joinProcesses(url: string) {
  const { createClient } = await import("redis");
  const client = createClient({ url });
  client.connect().catch((error) => console.error(error));
  return redisBackplane(client);
}

// One object of hooks serves all connections; `ws` is the connection that an event belongs to.
const chat = {
  async message(ws: Chatter, data: string | Uint8Array): Promise<void> {
    const message = parse(data);
    const { room, name } = ws.data;
    switch (message.type) {
      case "name":
        ws.data.name = message.name;
        return name ? rename(ws) : await enter(ws, message);
      case "text":
        if (!name) return sendTo(ws, { type: "error", text: "Send your name first" });
        topics.publish(room, JSON.stringify({ type: "text", name, text: message.text }));
        return;
      case "error":
        return sendTo(ws, message);
    }
  },

  close(ws: Chatter): void {
    pages.delete(ws); // It leaves the room by itself, unless it is back within 15 seconds.
  },
};

/** Sends a page what it has missed, or the last messages, and then what is said from now on. */
async function enter(ws: Chatter, { id = ws.id, since }: Entry): Promise<void> {
  const { room, name } = ws.data;
  ws.data.id = id;
  pages.add(ws);
  const result = await ws.subscribe(room, {
    since: since ?? { last: 50 },
    presence: { key: id, info: name },
  });
  const server = REDIS_URL ? process.pid : undefined;
  sendTo(ws, { type: "entered", server, ...result });
  // Where no member has come or gone, because this page is back, `watch` says nothing.
  const names = rooms.get(room);
  if (names?.size) sendTo(ws, peopleOf(names));
}

function rename(ws: Chatter): void {
  const { room, id, name } = ws.data;
  ws.subscribe(room, { presence: { key: id, info: name } });
}

/** Tells the pages of this process who comes and goes in a room, in all processes. */
async function watch(room: string): Promise<void> {
  if (rooms.has(room)) return; // the last page has left a moment ago
  const names = new Map<string, string>();
  rooms.set(room, names);
  for await (const event of topics.presence(room)) {
    if (topics.subscribers(room) === 0) {
      rooms.delete(room); // now: a page may come while the iteration ends
      return;
    }
    const former = "key" in event ? names.get(event.key) : undefined;
    switch (event.type) {
      case "snapshot": // all who are here; it comes first
        names.clear();
        for (const { key, info } of event.members) names.set(key, String(info));
        break;
      case "join":
        names.set(event.key, String(event.info));
        sendToRoom(room, { type: "notice", text: `${event.info} joined` });
        break;
      case "update":
        names.set(event.key, String(event.info));
        sendToRoom(room, { type: "notice", text: `${former} is now ${event.info}` });
        break;
      case "leave":
        names.delete(event.key);
        sendToRoom(room, { type: "notice", text: `${former} left` });
    }
    sendToRoom(room, peopleOf(names));
  }
}

const server = await serve({
  port: Number(flags.port),
  hostname: flags.hostname,
  topics,
  routes: {
    "/": showPage,
    "/rooms/:room": (request, { upgrade, params: { room } }) => {
      if (room.length > 30) return new Response("No such room\n", { status: 404 });
      return isUpgrade(request) ? upgrade(chat, { data: { room, id: "", name: "" } }) : showPage();
    },
  },
  fetch: () => new Response("Not found\n", { status: 404 }),
}).catch((error: Error) => {
  // Most often the port is in use: the user needs that sentence, and no stack.
  console.error(error.message);
  return process.exit(1);
});
console.log(`Chat: http://${flags.hostname}:${server.port}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Not `once`: Ctrl+C reaches this program from the terminal and again from its parent process,
  // and the second signal would end it at once. Only the first call of `close()` counts.
  process.on(signal, async () => {
    // Each page receives everything that was sent to it, and then close code 1001, "going away".
    // The closes spread over half a second, so that the pages do not all come back at once. A new
    // client gets 503 meanwhile. Connections that are left after three seconds are cut, before the
    // sender of the signal loses patience. (Code 1012 would say that the server comes back.)
    await server.close({ code: 1001, spread: 500, timeout: 3_000 });
    await topics.close({ timeout: 1_000 });
    process.exit();
  });
}

/** Reads a message from a page. Any program can connect and send anything, so check everything. */
function parse(data: string | Uint8Array): FromPage {
  if (typeof data !== "string") return { type: "error", text: "Expected text, got binary" };
  let message: unknown;
  try {
    message = JSON.parse(data);
  } catch {
    return { type: "error", text: "Expected JSON" };
  }
  const { type, name, text, id, since } = Object(message) as Record<string, unknown>;
  if (type === "name") {
    return isText(name, 30)
      ? {
        type,
        name: name.trim(),
        id: isText(id, 60) ? id : undefined,
        since: isPosition(since) ? since : undefined,
      }
      : { type: "error", text: "Expected a name of 1 to 30 characters" };
  }
  if (type === "text") {
    return isText(text, 1000)
      ? { type, text: text.trim() }
      : { type: "error", text: "Expected a text of 1 to 1000 characters" };
  }
  return { type: "error", text: 'Expected the type "name" or "text"' };
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === "string" && value.trim() !== "" && value.length <= maxLength;
}

function isPosition(value: unknown): value is TopicPosition {
  const { epoch, offset } = Object(value) as Record<string, unknown>;
  return typeof epoch === "string" && Number.isSafeInteger(offset) && Number(offset) >= 0;
}

function sendTo(ws: Chatter, message: ToPage): void {
  ws.send(JSON.stringify(message));
}

/** Sends to the pages that this process has in a room. */
function sendToRoom(room: string, message: ToPage): void {
  const prepared = new PreparedMessage(JSON.stringify(message)); // encoded once for all
  for (const ws of pages) if (ws.data.room === room) ws.send(prepared);
}

function peopleOf(names: ReadonlyMap<string, string>): ToPage {
  return { type: "people", names: [...names.values()].sort() };
}

function showPage(): Response {
  return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
}
