// Classes that stand for a browser's WebSocket: the runtime's own over TCP, and ours over memory, where a
// clock drives what waits. Chromium's and Firefox's own are in test/pages.

import * as library from "@sansocket/ws";
import { type BrowserConnect, createBrowserConnect } from "@sansocket/ws/browser";
import type { NativeWebSocketClass } from "@sansocket/ws/browser";
import { createClock, createNetwork, type Network, type TestClock } from "@sansocket/ws/testing";
import { runtime } from "./test.ts";

/** A native class, and where its connections go. */
export interface NativeScene {
  readonly serve: Network["serve"];
  readonly Native: NativeWebSocketClass;
  /** `connect()` over it. */
  readonly connect: BrowserConnect;
}

/** The same in memory. */
export interface MemoryScene extends NativeScene {
  readonly network: Network;
  readonly clock: TestClock;
}

/** Ours, over memory. */
export function memory(): MemoryScene {
  const clock = createClock();
  const network = createNetwork({ clock });
  const Native = library.createWebSocketClass(network.connect);
  const connect = createBrowserConnect(Native, clock.source);
  return { network, clock, serve: network.serve, Native, connect };
}

/** The runtime's own; Node 20 has none, and gets undici's, which later ones have built in. */
async function own(): Promise<NativeScene> {
  const { WebSocket } = runtime === "node" ? await import("undici") : globalThis;
  const Native = WebSocket as unknown as NativeWebSocketClass;
  return { serve: library.serve, Native, connect: createBrowserConnect(Native) };
}

/** All of them. */
export const natives: Readonly<Record<string, () => NativeScene | Promise<NativeScene>>> = {
  "our class in memory": memory,
  "the runtime's class": own,
};
