// The program that measures a client: all clients do the same, through their own ways to open, send and listen.
//
//   client.mjs WHICH JOB: as many connections, each with as many messages in flight, as the job's scenario says.
//
// Each reply is compared with what was sent, which costs all clients the same.

import { Buffer } from "node:buffer";
import process from "node:process";
import { cpuSeconds, holdLifeline, say } from "./lifeline.mjs";

/** Different messages. */
const COUNT = 64;

/** Latencies kept, of the latest messages. */
const SAMPLES = 1 << 16;

const job = JSON.parse(process.argv.at(-1));
const { connections, depth, size, kind } = job.scenario;

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

/** One connection. `open(url, receive)` resolves to a function that sends. */
async function converse(open) {
  const sentAt = new Float64Array(depth);
  let received = 0;
  const send = await open(`ws://127.0.0.1:${job.port}/`, (data) => {
    if (!isSame(data, messages[received % COUNT])) {
      say({ event: "error", message: "A reply differs from what was sent" });
      process.exit(1);
    }
    const now = performance.now();
    if (measuring) latencies[count++ % SAMPLES] = now - sentAt[received % depth];
    sentAt[received % depth] = now;
    send(messages[(received + depth) % COUNT]);
    received++;
  });
  return () => {
    sentAt.fill(performance.now());
    for (let i = 0; i < depth; i++) send(messages[i % COUNT]);
  };
}

function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Measures a client, given how it opens a connection. */
export async function drive(open) {
  holdLifeline();
  const starts = [];
  for (let i = 0; i < connections; i++) starts.push(await converse(open));
  for (const start of starts) start();
  await sleep(job.warmup);
  say({ event: "begin" });
  const cpu = cpuSeconds();
  const time = performance.now();
  measuring = true;
  await sleep(job.seconds);
  measuring = false;
  const seconds = (performance.now() - time) / 1000;
  const used = cpuSeconds() - cpu;
  const sorted = latencies.subarray(0, Math.min(count, SAMPLES)).sort();
  const quantile = (fraction) => (sorted[Math.floor(sorted.length * fraction)] ?? 0) * 1000;
  say({
    event: "end",
    count,
    seconds,
    p50: quantile(0.5),
    p99: quantile(0.99),
    busy: 0,
    cpu: used,
  });
  process.exit();
}
