// A chat with rooms. Each address /rooms/NAME has the page and its socket; `/` is the room "lobby".
// The same file runs on three runtimes:
//   deno run -A examples/chat/server.ts
//   bun examples/chat/server.ts
//   node --import tsx examples/chat/server.ts
// With REDIS_URL, any number of processes are one chat: `npm run chat:cluster` shows two.
//
// Every message is a small JSON object with a `type`:
//   page to server   { type: "name", name }         who I am (again: my new name)
//                    { type: "text", text }         what I say
//   server to page   { type: "people", names }      who is in this room now (see `sendPeople`)
//                    { type: "text", name, text }   what a person says
//                    { type: "notice", text }       what happened: joined, left, renamed
//                    { type: "error", text }        what was wrong with your message

import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { createTopics, isUpgrade, PreparedMessage, serve } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";
import { redisBackplane } from "@sansocket/ws/redis";

type FromPage =
  | { type: "name"; name: string }
  | { type: "text"; text: string }
  | { type: "error"; text: string };

type ToPage =
  | { type: "people"; names: string[]; server?: number }
  | { type: "text"; name: string; text: string }
  | { type: "notice" | "error"; text: string };

/** A connection, with its room and its name, which is empty until the page has sent one. */
type Chatter = WebSocketConnection<{ readonly room: string; name: string }>;

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "8002" },
    hostname: { type: "string", default: "127.0.0.1" },
  },
});

// Read once: the page is the same for every client and every room.
const page = await readFile(new URL("index.html", import.meta.url));

/** The people who are here, in all rooms: from the first name of a connection until it closes. */
const people = new Set<Chatter>();

// What is published to a topic goes to all connections that have subscribed to it. A room is a
// topic, and needs nothing else: it is there as soon as a page subscribes.
const { REDIS_URL } = process.env;
const topics = createTopics({
  backplane: REDIS_URL ? await joinProcesses(REDIS_URL) : undefined,
  onState({ state, reason }) {
    if (state === "down") console.error(`Redis cannot be reached: ${reason}`);
    const where = state === "up" ? "are connected" : "cannot be reached";
    for (const ws of people) sendTo(ws, { type: "notice", text: `The other servers ${where}` });
  },
  onGap({ topic, missed }) {
    const message: ToPage = { type: "notice", text: `Messages from other servers lost: ${missed}` };
    for (const ws of people) if (ws.data.room === topic) sendTo(ws, message);
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
  open(ws: Chatter): void {
    ws.subscribe(ws.data.room); // until the connection ends
  },

  message(ws: Chatter, data: string | Uint8Array): void {
    const message = parse(data);
    const { room, name } = ws.data;
    switch (message.type) {
      case "name":
        if (message.name === name) return;
        ws.data.name = message.name;
        people.add(ws);
        publish(room, {
          type: "notice",
          text: name ? `${name} is now ${message.name}` : `${message.name} joined`,
        });
        return sendPeople(room);
      case "text":
        if (!name) return sendTo(ws, { type: "error", text: "Send your name first" });
        return publish(room, { type: "text", name, text: message.text });
      case "error":
        return sendTo(ws, message);
    }
  },

  close(ws: Chatter): void {
    const { room, name } = ws.data;
    if (!people.delete(ws)) return;
    publish(room, { type: "notice", text: `${name} left` });
    sendPeople(room);
  },
};

const server = await serve({
  port: Number(flags.port),
  hostname: flags.hostname,
  topics,
  routes: {
    "/": showPage,
    "/rooms/:room": (request, { upgrade, params: { room } }) => {
      if (room.length > 30) return new Response("No such room\n", { status: 404 });
      return isUpgrade(request) ? upgrade(chat, { data: { room, name: "" } }) : showPage();
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
  const { type, name, text } = Object(message) as Record<string, unknown>;
  if (type === "name") {
    return isText(name, 30)
      ? { type, name: name.trim() }
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

function sendTo(ws: Chatter, message: ToPage): void {
  ws.send(JSON.stringify(message));
}

/** Sends to all pages of a room. One that reads slowly does not hold up the others. */
function publish(room: string, message: ToPage): void {
  topics.publish(room, JSON.stringify(message));
}

/**
 * Sends the names of those who are in a room. With several processes these are the people of this
 * one, and the page says so: a list of all would have to survive that a process is killed.
 */
function sendPeople(room: string): void {
  const here = [...people].filter(({ data }) => data.room === room);
  const message: ToPage = { type: "people", names: here.map(({ data }) => data.name) };
  if (REDIS_URL) message.server = process.pid;
  const prepared = new PreparedMessage(JSON.stringify(message));
  for (const ws of here) ws.send(prepared);
}

function showPage(): Response {
  return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
}
