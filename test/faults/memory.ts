// How much memory is in use. It imports nothing but what is built in, for the server process imports it too.

import process from "node:process";
import v8 from "node:v8";
import vm from "node:vm";

/** Octets that are in use after a collection. */
export function memoryInUse(): number {
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  // Node counts array buffers as external, Bun does not always.
  return heapUsed + Math.max(external, arrayBuffers ?? 0);
}

function collect(): void {
  const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } };
  if (Bun !== undefined) return Bun.gc(true);
  v8.setFlagsFromString("--expose-gc");
  const gc = (globalThis as { gc?: () => void }).gc ??
    vm.runInNewContext("globalThis.gc") as (() => void) | undefined;
  gc?.();
}
