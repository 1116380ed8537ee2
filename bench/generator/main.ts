// The load generator, a process of its own: bun bench/generator/main.ts JOB
// It ends by itself when the job is done, or when its standard input closes.

import process from "node:process";
import type { Job } from "../job.ts";
import * as modes from "./modes.ts";
import { createTrains } from "./train.ts";
import { say } from "./window.ts";

const job = JSON.parse(process.argv[2]!) as Job;

function failed(error: Error): never {
  say({ event: "error", message: error.message });
  process.exit(1);
}

process.stdin.on("end", () => process.exit(1)).resume();
process.on("uncaughtException", failed);
const { mode } = job.scenario;
if (mode === "client") throw new Error("Expected a scenario of a server");
await modes[mode](job, createTrains(job.scenario, job.raw), failed);
process.exit();
