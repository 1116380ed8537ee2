// A chat with rooms. Each address /rooms/NAME has the page and its socket; `/` is the room "lobby".
// The same file runs on three runtimes:
//   deno run -A examples/chat/server.ts
//   bun examples/chat/server.ts
//   node --import tsx examples/chat/server.ts
// With REDIS_URL, any number of processes are one chat: `npm run chat:cluster` shows two.
//
// Every message is a small JSON object with a `type`:
//   page to server   { type: "name", name, id, since }   first: who I am, a secret of this page
//                                                        that stays, and the last position I have
//                    { type: "name", name }              later: my new name
//                    { type: "text", text, id }          what I say; the id comes back with it
//   server to page   { type: "you", name, taken, author }   your name, or another if it was taken,
//                                                        and what your messages are marked with
//                    { type: "text", name, author, text, id, time, position }   what a person says,
//                                                        in order; what the page has missed first
//                    { type: "entered", recovered, position }    the page has all of that, or not
//                    { type: "people", names }           who is in this room now
//                    { type: "notice", text, name, to }  what happened: joined, left, renamed
//                    { type: "error", text, of }         what was wrong with your name, or with the
//                                                        text of this id

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { createTopics, isUpgrade, PreparedMessage, serve } from "@sansocket/ws";
import type { SubscribeResult, WebSocketConnection } from "@sansocket/ws";
import { redisBackplane } from "@sansocket/ws/redis";
import { type Entry, type Failure, parse } from "./input.ts";

type ToPage =
  | { type: "you"; name: string; taken: boolean; author: string }
  | { type: "people"; names: string[] }
  | SubscribeResult & { type: "entered"; server: number | undefined }
  | { type: "notice"; text: string; name?: string | undefined; to?: string }
  | Failure; // and texts, see `say`

/** A connection, with its room, and the id and name that are empty until the page has sent them. */
type Chatter = WebSocketConnection<{ readonly room: string; id: string; name: string }>;

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "8002" },
    hostname: { type: "string", default: "127.0.0.1" },
  },
});

// Read once: the page is the same for every client and every room.
const page = await readFile(new URL("index.html", import.meta.url), "utf8");

/** What a browser may do with the page: run and show what stands in it, and nothing else. */
const policy = [
  "default-src 'none'",
  `script-src ${hashOf("script")}`,
  `style-src ${hashOf("style")}`,
  "connect-src 'self'", // the socket
  "frame-src 'self'", // the frame in which the page asks whether the server is back
  "img-src data:", // the icon
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function hashOf(tag: string): string {
  const [, content = ""] = page.match(new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, "s")) ?? [];
  return `'sha256-${createHash("sha256").update(content).digest("base64")}'`;
}

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
    switch (message.type) {
      case "name":
        return ws.data.name ? rename(ws, message.name) : await enter(ws, message.name, message);
      case "text":
        return say(ws, message.text, message.id);
      case "error":
        return sendTo(ws, message);
    }
  },

  close(ws: Chatter): void {
    pages.delete(ws); // It leaves the room by itself, unless it is back within 15 seconds.
  },
};

/** Sends a page what it has missed, or the last messages, and then what is said from now on. */
async function enter(ws: Chatter, name: string, { id = ws.id, since }: Entry): Promise<void> {
  const { room } = ws.data;
  ws.data.id = id;
  const members = await topics.presence(room).list().catch(() => []); // Redis may be away
  const free = freeName(room, id, name, members.map(({ key, info }) => [key, String(info)]));
  ws.data.name = free;
  pages.add(ws);
  sendTo(ws, { type: "you", name: free, taken: free !== name, author: authorOf(ws) });
  const result = await ws.subscribe(room, {
    since: since ?? { last: 50 },
    presence: { key: id, info: free },
  });
  const server = REDIS_URL ? process.pid : undefined;
  sendTo(ws, { type: "entered", server, ...result });
  // Where no member has come or gone, because this page is back, `watch` says nothing.
  const names = rooms.get(room);
  if (names?.size) sendTo(ws, peopleOf(names));
}

function say(ws: Chatter, text: string, id: string = crypto.randomUUID()): void {
  const { room, name } = ws.data;
  if (!name) return sendTo(ws, { type: "error", of: id, text: "Send your name first" });
  const message = { type: "text", name, author: authorOf(ws), text, id, time: Date.now() };
  topics.publish(room, JSON.stringify(message));
}

/** The mark of a page's messages. It stays when the name changes, and gives its id not away. */
function authorOf(ws: Chatter): string {
  return createHash("sha256").update(ws.data.id).digest("base64url").slice(0, 16);
}

function rename(ws: Chatter, name: string): void {
  const { room, id } = ws.data;
  if (freeName(room, id, name) !== name) {
    return sendTo(ws, { type: "error", of: "name", text: "This name is taken: choose another" });
  }
  setName(ws, name, false);
}

function setName(ws: Chatter, name: string, taken: boolean): void {
  const { room, id, name: former } = ws.data;
  ws.data.name = name;
  sendTo(ws, { type: "you", name, taken, author: authorOf(ws) });
  if (name !== former) ws.subscribe(room, { presence: { key: id, info: name } });
}

/** The name itself, or "Ada 2" where another page has it. */
function freeName(
  room: string,
  id: string,
  name: string,
  members: Iterable<[id: string, name: string]> = rooms.get(room) ?? [],
): string {
  const taken = new Set<string>();
  for (const [other, its] of members) if (other !== id) taken.add(lookOf(its));
  for (const { data } of pages) {
    if (data.room === room && data.id !== id) taken.add(lookOf(data.name));
  }
  let free = name;
  for (let n = 2; taken.has(lookOf(free)); n++) free = `${[...name].slice(0, 25).join("")} ${n}`;
  return free;
}

/** The same for names that look the same, or nearly. */
function lookOf(name: string): string {
  return name.normalize("NFKC").replace(/[\s\p{Default_Ignorable_Code_Point}]/gu, "").toLowerCase();
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
    const name = "info" in event ? String(event.info) : "";
    switch (event.type) {
      case "snapshot": // all who are here; it comes first
        names.clear();
        for (const { key, info } of event.members) names.set(key, String(info));
        break;
      case "join":
        names.set(event.key, name);
        sendToRoom(room, { type: "notice", name, text: "joined" });
        break;
      case "update":
        names.set(event.key, name);
        sendToRoom(room, { type: "notice", name: former, text: "is now", to: name });
        break;
      case "leave":
        names.delete(event.key);
        sendToRoom(room, { type: "notice", name: former, text: "left" });
    }
    sendToRoom(room, peopleOf(names));
    separate(room, names);
  }
}

/** Of two who took one name in two processes at the same time, one gets another. */
function separate(room: string, names: ReadonlyMap<string, string>): void {
  const owners = new Map<string, string>();
  for (const [id, name] of [...names].sort()) {
    if (!owners.has(lookOf(name))) owners.set(lookOf(name), id);
  }
  for (const ws of pages) {
    const { id, name } = ws.data;
    const owner = ws.data.room === room ? owners.get(lookOf(name)) : undefined;
    if (owner !== undefined && owner < id) setName(ws, freeName(room, id, name), true);
  }
}

const server = await serve({
  port: Number(flags.port),
  hostname: flags.hostname,
  topics,
  // More than the page ever sends: it waits until one message has come back before the next.
  maxMessageSize: 16_384,
  guard: { messagesPerSecond: 100 },
  routes: {
    "/": showPage,
    "/rooms/:room": (request, { upgrade, params: { room } }) => {
      if (room.length > 30) return new Response("No such room\n", { status: 404 });
      return isUpgrade(request) ? upgrade(chat, { data: { room, id: "", name: "" } }) : showPage();
    },
    "/alive": () => new Response("alive\n", { headers: { "cache-control": "no-store" } }),
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
  return new Response(page, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    },
  });
}
