/**
 * Tests without ports: the whole library, opening handshake included, over byte streams in memory,
 * with a clock that the test drives and a network that fails on demand.
 *
 * @module @sansocket/ws/testing
 */

import {
  type ConnectionPair,
  type Network,
  type NetworkOptions,
  networkWith,
  pairOn,
} from "../../src/testing/network.ts";
import { checkRuntime } from "../../src/util/requirements.ts";
import { zlibBackend } from "../shared/zlib.ts";

checkRuntime();

export * from "../../src/exports.ts";
export type * from "../../src/transport/transport.ts";
export type * from "../../src/deflate/backend.ts";
export { AssertionError } from "../../src/testing/assertion.ts";
export type { ChaosOptions, ChaosReport } from "../../src/testing/chaos.ts";
export { createClock, type PendingWait, type TestClock } from "../../src/testing/clock.ts";
export {
  expectClose,
  type ExpectedClose,
  expectJson,
  expectMessage,
  expectNothing,
} from "../../src/testing/expect.ts";
export type { Link, Side } from "../../src/testing/link.ts";
export {
  type ClientEnd,
  createMemoryRuntime,
  type RefusalKind,
} from "../../src/testing/memory_runtime.ts";
export {
  type ConnectionPair,
  type ListenAddress,
  type Network,
  type NetworkConnectOptions,
  type NetworkOptions,
  type RefuseOptions,
} from "../../src/testing/network.ts";
export { encodeRawFrame, type RawFrame, type ReceivedFrame } from "../../src/testing/raw_frame.ts";
export type {
  RawAcceptOptions,
  RawOptions,
  RawServer,
  RawServerOptions,
} from "../../src/testing/raw_handshake.ts";
export { type ExpectedFrame, RawPeer } from "../../src/testing/raw_peer.ts";
export {
  readRecording,
  record,
  type RecordedFrame,
  type Recording,
  type RecordOptions,
} from "../../src/testing/recording.ts";
export { replay, type ReplayOptions } from "../../src/testing/replay.ts";
export type { WaitOptions } from "../../src/testing/timeout.ts";

/**
 * Makes a network of its own, in memory, with the same `serve()` and `connect()` as the main entry
 * point. The bytes are those of the real protocol; no port is used.
 *
 * @param options The clock.
 * @returns The network.
 * @throws {TypeError} When an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { createNetwork } from "@sansocket/ws/testing";
 *
 * const network = createNetwork();
 * const server = await network.serve({ websocket: { message: (ws, data) => ws.send(data) } });
 * const ws = await network.connect(server.url);
 * await ws.send("no port was used");
 * console.log(await ws.receive()); // no port was used
 * network.link(ws).cut();
 * console.log((await ws.closed).code); // 1006
 * await server.close();
 * ```
 */
export function createNetwork(options?: NetworkOptions): Network {
  return networkWith(zlibBackend, options);
}

/**
 * Opens one connection in memory and returns both ends.
 *
 * @param options The clock.
 * @returns Both ends, and what lies between them.
 *
 * @example
 * ```ts
 * import { pair } from "@sansocket/ws/testing";
 *
 * const { client, server } = await pair();
 * await client.send("ping");
 * console.log(await server.receive()); // ping
 * await client.close();
 * ```
 */
export async function pair(options?: NetworkOptions): Promise<ConnectionPair> {
  return await pairOn(createNetwork(options));
}
