/**
 * Tests without ports: the whole library, opening handshake included, over byte streams in memory,
 * with a clock that the test drives and a network that fails on demand.
 *
 * @module
 */

import { checkRuntime } from "./util/requirements.ts";

checkRuntime();

export * from "./exports.ts";
export type * from "./transport/transport.ts";
export type { Clock, Deadline, Watched } from "./util/clock.ts";
export type * from "./deflate/backend.ts";
export { AssertionError } from "./testing/assertion.ts";
export type { ChaosOptions, ChaosReport } from "./testing/chaos.ts";
export { createClock, type PendingWait, type TestClock } from "./testing/clock.ts";
export {
  expectClose,
  type ExpectedClose,
  expectJson,
  expectMessage,
  expectNothing,
} from "./testing/expect.ts";
export type { Link, Side } from "./testing/link.ts";
export { createMemoryRuntime, type RefusalKind } from "./testing/memory_runtime.ts";
export {
  type ConnectionPair,
  createNetwork,
  type ListenAddress,
  type Network,
  type NetworkConnectOptions,
  type NetworkOptions,
  pair,
  type RefuseOptions,
} from "./testing/network.ts";
export { encodeRawFrame, type RawFrame, type ReceivedFrame } from "./testing/raw_frame.ts";
export type {
  RawAcceptOptions,
  RawOptions,
  RawServer,
  RawServerOptions,
} from "./testing/raw_handshake.ts";
export { type ExpectedFrame, RawPeer } from "./testing/raw_peer.ts";
export {
  readRecording,
  record,
  type RecordedFrame,
  type Recording,
  type RecordOptions,
} from "./testing/recording.ts";
export { replay, type ReplayOptions } from "./testing/replay.ts";
export type { WaitOptions } from "./testing/timeout.ts";
