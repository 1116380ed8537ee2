// What the fault tests share: their size, their figures, and the check that nothing is left.
//
// 1. The gate runs them small. FAULTS=full in the environment runs them in the size that they are meant for.
// 2. "Nothing is left" has three parts: the server's own counts, the timers where the runtime lists them (Deno's tests
//    look after theirs by themselves), and the memory that a collection leaves.

import process from "node:process";
import type { Server, ServerStats } from "@sansocket/ws";
import { RawPeer } from "../support/raw.ts";
import { runtime } from "../support/test.ts";

/** Whether to run in full size. */
export const full: boolean = process.env["FAULTS"] === "full";

/** One of two sizes. */
export function size(reduced: number, whole: number): number {
  return full ? whole : reduced;
}

/** Prints figures into the test's output. */
export function show(what: string, figures: Record<string, number | string>): void {
  const text = Object.entries(figures).map(([name, value]) => `${name} ${value}`).join(", ");
  console.log(`[${runtime}] ${what}: ${text}`);
}

/** Octets as MiB with one decimal. */
export function mebibytes(octets: number): string {
  return `${(octets / 1_048_576).toFixed(1)} MiB`;
}

/** Waits for something to become true; the test's own time limit bounds it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Opens so many upgraded connections, with changes to the lines of the handshake as in heads.ts. */
export async function openPeers(
  port: number,
  count: number,
  ...changes: string[]
): Promise<RawPeer[]> {
  const peers: RawPeer[] = [];
  // Below the backlog of a listening socket, which is 128 at the least.
  while (peers.length < count) {
    const batch = Math.min(100, count - peers.length);
    peers.push(
      ...await Promise.all(Array.from({ length: batch }, async () => {
        const peer = await RawPeer.dial(port);
        const { status } = await peer.upgrade(...changes);
        if (status !== 101) throw new Error(`Expected 101, got ${status}`);
        return peer;
      })),
    );
  }
  return peers;
}

/** Drops them all. */
export async function dropPeers(peers: readonly RawPeer[]): Promise<void> {
  await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
}

/** The timers that are set, where the runtime tells. */
export function timers(): number {
  const { getActiveResourcesInfo } = process as { getActiveResourcesInfo?: () => string[] };
  if (runtime !== "node" || getActiveResourcesInfo === undefined) return 0;
  return getActiveResourcesInfo.call(process).filter((name) => name === "Timeout").length;
}

/** Waits until the server holds no connection any more, and says what it has counted. */
export async function emptied(server: Server): Promise<ServerStats> {
  await until(() => server.stats().sockets === 0 && server.connections.size === 0);
  return server.stats();
}
