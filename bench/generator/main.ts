// The load generator, a process of its own: bun bench/generator/main.ts JOB
// It opens its connections, warms the server up, and then measures once for each line of its standard input, with whose
// end it ends. Between two turns nothing is in flight, so other servers can have theirs.

import { createInterface } from "node:readline";
import process from "node:process";
import type { Job } from "../job.ts";
import * as modes from "./modes.ts";
import { createTrains } from "./train.ts";
import { say, sleep, Window } from "./window.ts";

const job = JSON.parse(process.argv[2]!) as Job;

function failed(error: Error): never {
  say({ event: "error", message: error.message });
  process.exit(1);
}

process.on("uncaughtException", failed);
const { mode } = job.scenario;
if (mode === "client" || mode === "client-connect") {
  throw new Error("Expected a scenario of a server");
}
const window = new Window(job);
const load = await modes[mode](job, createTrains(job.scenario, job.raw), window, failed);
say({ event: "ready" });
for await (const _ of createInterface({ input: process.stdin })) {
  await load.start();
  await sleep(job.runIn);
  const counts = await window.measure();
  say({ event: "end", ...counts, ...load.more?.() });
  await load.stop();
}
process.exit();
