// The program that measures a client: all clients do the same, through their own ways to open, send, listen and close.
//
//   client.mjs WHICH JOB: as many connections, each with as many messages in flight, as the job's scenario says.
//
// It warms the client up, and then measures once for each line "turn" of its standard input. Between two turns nothing
// is in flight, so that other clients can have theirs. Each reply is compared with what was sent, which costs all
// clients the same.

import { Buffer } from "node:buffer";
import process from "node:process";
import { cpuSeconds, holdLifeline, say } from "./lifeline.mjs";

/** Different messages. */
const COUNT = 64;

/** Latencies kept, of the latest messages. */
const SAMPLES = 1 << 16;

const job = JSON.parse(process.argv.at(-1));
const { connections, depth, size, kind, mode } = job.scenario;
const url = `ws://127.0.0.1:${job.port}/`;

const messages = Array.from({ length: COUNT }, (_, seed) => {
  const bytes = Uint8Array.from({ length: size }, (_, i) => 32 + (seed * 31 + i * 7) % 95);
  return kind === "text" ? new TextDecoder().decode(bytes) : bytes;
});

function isSame(data, expected) {
  if (typeof expected === "string" || typeof data === "string") return data === expected;
  const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
  return Buffer.compare(bytes, expected) === 0;
}

const latencies = new Float64Array(SAMPLES);
let measuring = false;
let count = 0;

let running = false;
let inFlight = 0;
let settled = () => {};

/** Counts what has come back, and says whether to go on. */
function goesOn(latency) {
  if (measuring) latencies[count++ % SAMPLES] = latency;
  if (running) return true;
  if (--inFlight === 0) settled();
  return false;
}

/** One connection that sends and gets it back. `open(url, receive)` resolves to how to send and how to close. */
async function converse(open) {
  const sentAt = new Float64Array(depth);
  let received = 0;
  const { send } = await open(url, (data) => {
    if (!isSame(data, messages[received % COUNT])) {
      say({ event: "error", message: "A reply differs from what was sent" });
      process.exit(1);
    }
    const now = performance.now();
    const latency = now - sentAt[received % depth];
    sentAt[received++ % depth] = now;
    if (goesOn(latency)) send(messages[(received + depth - 1) % COUNT]);
  });
  return () => {
    sentAt.fill(performance.now());
    for (let i = 0; i < depth; i++) send(messages[(received + i) % COUNT]);
  };
}

/** Connects, closes, and begins again. */
async function knock(open) {
  for (;;) {
    const began = performance.now();
    const { close } = await open(url, () => {});
    const latency = performance.now() - began;
    await close();
    if (!goesOn(latency)) return;
  }
}

function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Runs for `seconds`, after `before` seconds that do not count; what was in flight has come back then. */
async function turn(starts, before, seconds) {
  running = true;
  inFlight = connections * depth;
  for (const start of starts) start();
  await sleep(before);
  say({ event: "begin" });
  count = 0;
  const cpu = cpuSeconds();
  const time = performance.now();
  measuring = true;
  await sleep(seconds);
  measuring = false;
  const figures = { count, seconds: (performance.now() - time) / 1000, cpu: cpuSeconds() - cpu };
  running = false;
  await new Promise((resolve) => settled = resolve);
  return figures;
}

function tell(figures) {
  const sorted = latencies.slice(0, Math.min(figures.count, SAMPLES)).sort();
  const quantile = (fraction) => (sorted[Math.floor(sorted.length * fraction)] ?? 0) * 1000;
  say({ event: "end", ...figures, p50: quantile(0.5), p99: quantile(0.99), busy: 0 });
}

/** Measures a client, given how it opens a connection. */
export async function drive(open) {
  const starts = [];
  for (let i = 0; i < connections; i++) {
    starts.push(mode === "client-connect" ? () => knock(open) : await converse(open));
  }
  await turn(starts, 0, job.warmup);
  let turns = Promise.resolve();
  holdLifeline(() => {
    turns = turns.then(() => turn(starts, job.runIn, job.seconds)).then(tell);
  });
  say({ event: "ready" });
}
