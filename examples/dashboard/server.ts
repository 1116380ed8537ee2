// A live dashboard of the process that serves it: the page at `/`, its socket at `/samples`. The
// same file runs on three runtimes:
//   deno run -A examples/dashboard/server.ts
//   bun examples/dashboard/server.ts
//   node --import tsx examples/dashboard/server.ts
//
// Every message is a JSON object with a `type`:
//   server to page   { type: "recent", samples }   first: the last minute, so that a plot is full
//                    { type: "sample", … }         then many times a second
//   both ways        { type: "echo", … }           comes back as it is: the page takes the time

import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { createTopics, serve } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";

/** What the process did in the second before. */
interface Sample {
  readonly type: "sample";
  /** 1, 2, 3, … since the first viewer has come. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly viewers: number;
  /** Samples sent to viewers in a second. */
  readonly sent: number;
  /** Samples in a second that a slow viewer never gets, because a later one took their place. */
  readonly replaced: number;
  /** Percent of a processor. */
  readonly cpu: number;
  /** Milliseconds by which the timer was late: what the process makes others wait. */
  readonly late: number;
  /** Octets of memory. */
  readonly memory: number;
}

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "8003" },
    hostname: { type: "string", default: "127.0.0.1" },
    /** Samples a second. */
    rate: { type: "string", default: "20" },
  },
});
const rate = Number(flags.rate);

// Read once: the page is the same for every client.
const page = await readFile(new URL("index.html", import.meta.url));

let timer: ReturnType<typeof setInterval> | undefined;
let number = 0;
/** What had been counted at each sample of the last second, oldest first. */
let counted: { time: number; cpu: number; sent: number; replaced: number }[] = [];
/** Two samples a second of the last minute. */
let recent: Sample[] = [];

const topics = createTopics({
  // Without a viewer nothing is measured.
  onFirstSubscriber: () => void (timer = setInterval(publishSample, 1000 / rate)),
  onLastSubscriber() {
    clearInterval(timer);
    [number, counted, recent] = [0, [], []];
  },
});

function publishSample(): void {
  const sample = measure();
  if ((number - 1) % Math.ceil(rate / 2) === 0) recent = [...recent.slice(-119), sample];
  // A sample is worth nothing once there is a later one. It takes the place of the one that still
  // waits for a slow viewer, so that at most one waits, and no viewer holds up another.
  topics.publish("samples", JSON.stringify(sample), { coalesce: "sample" });
}

function measure(): Sample {
  const { user, system } = process.cpuUsage();
  const { delivered, queued, coalesced } = topics.stats();
  const now = {
    time: performance.now(),
    cpu: (user + system) / 1000,
    sent: delivered + queued - coalesced,
    replaced: coalesced,
  };
  const last = counted.at(-1) ?? now;
  counted = [...counted.slice(-rate), now];
  const [before = now] = counted;
  const seconds = Math.max(now.time - before.time, 1) / 1000;
  return {
    type: "sample",
    number: ++number,
    time: Date.now(),
    viewers: topics.subscribers("samples"),
    sent: Math.round((now.sent - before.sent) / seconds),
    replaced: Math.round((now.replaced - before.replaced) / seconds),
    cpu: round((now.cpu - before.cpu) / seconds / 10),
    late: round(Math.max(0, now.time - last.time - 1000 / rate)),
    memory: process.memoryUsage().rss,
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const viewer = {
  open(ws: WebSocketConnection): void {
    ws.send(JSON.stringify({ type: "recent", samples: recent }));
    ws.subscribe("samples");
  },
  message(ws: WebSocketConnection, data: string | Uint8Array): void {
    ws.send(data);
  },
};

const server = await serve({
  port: Number(flags.port),
  hostname: flags.hostname,
  topics,
  maxMessageSize: 1_000, // an echo
  routes: {
    "/": () => new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } }),
    "/samples": { websocket: viewer },
  },
}).catch((error: Error) => {
  // Most often the port is in use: the user needs that sentence, and no stack.
  console.error(error.message);
  return process.exit(1);
});
console.log(`Dashboard: http://${flags.hostname}:${server.port}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, async () => {
    await server.close({ code: 1001, timeout: 3_000 });
    process.exit();
  });
}
