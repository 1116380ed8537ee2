// The machine, for the report.

import { cpus, release, totalmem, type } from "node:os";
import { arch } from "node:process";
import type { Machine } from "./results.ts";
import { pins } from "./runtimes.ts";

/** What a reader needs to know of the machine. */
export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release().replace(/-.*/, "")} ${arch}`,
    pinned: pins !== undefined,
  };
}
