// Viewers of the dashboard, many at once, some of which do not read:
//   node --import tsx examples/dashboard/viewers.ts http://127.0.0.1:8003 --viewers 1000 --slow 50
//
// Every viewer that reads must get every sample, from its first to its last. A slow one reads
// nothing until the end, and must then get the latest sample. Each `--every` seconds the program
// says how long samples took to the viewers that read, and after `--seconds` it ends.

import process from "node:process";
import { parseArgs } from "node:util";
import { connect } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";

const { values: flags, positionals: [address = "http://127.0.0.1:8003"] } = parseArgs({
  allowPositionals: true,
  options: {
    viewers: { type: "string", default: "1000" },
    slow: { type: "string", default: "50" },
    every: { type: "string", default: "5" },
    seconds: { type: "string", default: "Infinity" },
  },
});
const readers = Number(flags.viewers) - Number(flags.slow);

/** Milliseconds from each sample to each viewer that has read it, since the last report. */
let delays: number[] = [];
/** Samples that a viewer should have got, and has not. */
let missed = 0;
let ended = false;

const reading: Promise<void>[] = [];
const slow: WebSocketConnection[] = [];
const open: WebSocketConnection[] = [];
for (let index = 0; index < Number(flags.viewers); index++) {
  const ws = await connect(new URL("/samples", address));
  open.push(ws);
  if (index < readers) reading.push(read(ws));
  else slow.push(ws);
}
console.log(`Viewers: ${readers} that read, ${slow.length} that do not`);

delays = []; // those of the first, while the others were connecting
const timer = setInterval(report, Number(flags.every) * 1000);
if (flags.seconds !== "Infinity") setTimeout(end, Number(flags.seconds) * 1000);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit());
await Promise.race(open.map((ws) => ws.closed));
if (!ended) {
  console.log("The dashboard has ended");
  process.exit();
}

/** Reads all samples, and looks for holes. */
async function read(ws: WebSocketConnection): Promise<void> {
  let last: number | undefined;
  for await (const message of ws) {
    const { type, number, time } = JSON.parse(String(message));
    if (type !== "sample") continue;
    delays.push(Date.now() - time);
    if (last !== undefined) missed += number - last - 1;
    last = number;
  }
}

function report(): void {
  const sorted = Float64Array.from(delays).sort();
  delays = [];
  const at = (percent: number) => sorted[Math.floor(percent / 100 * (sorted.length - 1))];
  const [half, most, all] = [at(50), at(99), at(100)];
  console.log(
    `${sorted.length} samples read, ${missed} missed; ` +
      `after ${half} ms (median), ${most} ms (99 of 100), ${all} ms (all)`,
  );
}

/** Ends the viewers; the slow ones read what there is for them first. */
async function end(): Promise<void> {
  clearInterval(timer);
  report();
  ended = true;
  const counts = await Promise.all(slow.map(catchUp));
  const most = Math.max(0, ...counts);
  console.log(`Each of the slow viewers has got the latest sample, after ${most} others at most`);
  await Promise.all(open.map((ws) => ws.close()));
  await Promise.all(reading);
  process.exit(missed === 0 ? 0 : 1);
}

/** Reads until a sample is of this moment. Returns the number of those before. */
async function catchUp(ws: WebSocketConnection): Promise<number> {
  const now = Date.now();
  for (let count = 0;; count++) {
    const { type, time } = JSON.parse(String(await ws.receive()));
    if (type === "sample" && time >= now) return count;
  }
}
