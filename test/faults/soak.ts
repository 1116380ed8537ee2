// `npm run soak`: a server under load and faults for minutes, and then what is left of it.
//
//   npm run soak -- --runtime bun --time 300     five minutes for Bun; Node and one minute unless told
//   npm run soak -- --clients 40 --seed 7        so many clients at a time, choosing as whoever printed that seed
//
// The server has a process of its own on the runtime; the clients run on Node. A first, short round warms caches up and
// gives the figures "before". It fails when connections, timers or memory do not return to them.

import process from "node:process";
import { parseArgs } from "node:util";
import type { ServerStats } from "@sansocket/ws";
import { runtimeNames, start } from "../support/process.ts";
import { mebibytes, until } from "./measure.ts";
import { clients, Random } from "./soak_clients.ts";

interface Report {
  readonly stats: ServerStats;
  readonly timers: number;
  readonly unexpected: number;
  readonly inUse: number;
  readonly resident: number;
}

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: "node" },
    time: { type: "string", default: "60" },
    clients: { type: "string", default: "24" },
    seed: { type: "string" },
  },
});
const name = runtimeNames.find((name) => name === values.runtime);
const seconds = Number(values.time);
const width = Number(values.clients);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (name === undefined || !(seconds > 0) || !(width > 0) || !Number.isInteger(seed)) {
  const names = runtimeNames.join(", ");
  console.error(
    `Expected --runtime one of ${names}, --time SECONDS, --clients COUNT, --seed INTEGER`,
  );
  process.exit(2);
}

/** A client that takes longer hangs, and so does what it waits for. */
const PATIENCE = 30_000;
/** What a collection may leave more than before, in use and resident. */
const MOST_IN_USE = 4 * 1_048_576;
const MOST_RESIDENT = 64 * 1_048_576;

const server = start(name, "test/faults/soak_server.ts");
const port = Number((await server.waitFor(/port (\d+)/))[1]);
const failures: string[] = [];
const done: Record<string, number> = {};

async function report(): Promise<Report> {
  const response = await fetch(`http://127.0.0.1:${port}/report`, {
    headers: { connection: "close" },
  });
  return await response.json() as Report;
}

async function runClient(kind: string, random: Random): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${PATIENCE} ms`)), PATIENCE);
  });
  try {
    await Promise.race([clients[kind]!(port, random), late]);
  } catch (error) {
    failures.push(`${kind}: ${error instanceof Error ? error.message : error}`);
    if (failures.length <= 20) console.log(`failed: ${failures.at(-1)}`);
  }
  clearTimeout(timer);
  done[kind] = (done[kind] ?? 0) + 1;
}

/** Runs clients of random kinds for a time, so many at once, and waits until the last is done. */
async function load(duration: number, from: number): Promise<void> {
  const end = performance.now() + duration;
  const all = Object.keys(clients);
  const honest = all.filter((kind) => kind.endsWith("echo"));
  await Promise.all(Array.from({ length: width }, async (_, i) => {
    const random = new Random(from + i);
    // Those that wait for a timeout must not take all the places of those that make work.
    const kinds = i % 4 === 0 ? honest : all;
    while (performance.now() < end && !server.ended()) await runClient(random.pick(kinds), random);
  }));
}

/** What is left once every connection but that of the report itself is gone. */
async function drained(): Promise<Report> {
  const giveUp = performance.now() + 30_000;
  await until(async () => {
    const { stats } = await report();
    return performance.now() > giveUp || stats.sockets <= 1;
  });
  // What a connection leaves to be collected may need more than one turn: finalizers, then what they let go of.
  await report();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return await report();
}

function line(what: string, { stats, timers, inUse, resident }: Report): string {
  const { sockets, connections, totalConnections } = stats;
  return `${what.padEnd(8)} in use ${mebibytes(inUse)}, resident ${mebibytes(resident)}, ` +
    `sockets ${sockets}, open ${connections}, opened ${totalConnections}, timers ${timers}`;
}

console.log(`Seed ${seed}, ${name}, ${seconds} s, ${width} clients at a time`);
await load(Math.max(5_000, seconds * 100), seed);
const before = await drained();
console.log(line("before", before));

const started = performance.now();
const telling = setInterval(async () => {
  const elapsed = Math.round((performance.now() - started) / 1000);
  try {
    console.log(line(`${elapsed} s`, await report()));
  } catch (error) {
    console.log(`${elapsed} s: no report: ${error}`);
  }
}, 30_000);
await load(seconds * 1000, seed + width);
clearInterval(telling);
const after = await drained();
console.log(line("after", after));
await server.stop("SIGKILL");

const { stats, unexpected } = after;
const total = Object.values(done).reduce((sum, count) => sum + count, 0);
console.log(`${total} clients: ${JSON.stringify(done)}`);
console.log(`${stats.messagesReceived} messages in, ${stats.messagesSent} out`);
console.log(`Ends: ${JSON.stringify(stats.closed)}`);

const wrong: string[] = [];
const expect = (what: string, is: number, most: number): void => {
  if (!(is <= most)) wrong.push(`${what}: ${is}, expected at most ${most}`);
};
expect("sockets", stats.sockets, 1);
expect("connections", stats.connections, 0);
expect("timers", after.timers, before.timers);
expect("octets in use", after.inUse, before.inUse + MOST_IN_USE);
expect("octets resident", after.resident, before.resident + MOST_RESIDENT);
expect("unexpected errors", unexpected, 0);
expect("clients that saw what they did not expect", failures.length, 0);
const reported = server.output().split("\n").slice(1).join("\n").trim();
if (reported !== "") console.log(reported);
for (const what of wrong) console.log(`Wrong: ${what}`);
console.log(wrong.length === 0 ? "Nothing is left" : "Failed");
process.exit(wrong.length === 0 ? 0 : 1);
