// What is sent and what must come back, both made before the clock starts.
//
// 1. A train is a number of different messages, each a masked frame with a key of its own, sent in a circle. It is
//    long enough that any `depth` messages lie together: they leave in one write.
// 2. What comes back is known to the octet: the same messages in frames of a server, in the same order. So whole chunks
//    are compared, and no frame is parsed, unless a server cuts its messages otherwise (see replies.ts).

import { Buffer } from "node:buffer";
import { type Bytes, FrameEncoder, Opcode } from "../../src/core.ts";
import { zlibBackend } from "../../runtimes/shared/zlib.ts";
import type { Scenario } from "../scenarios.ts";
import { createPayload } from "./payload.ts";

/** Different messages: so many that comparing costs one call for each chunk, and both trains stay in the cache. */
const TRAIN_SIZE = 32_768;
const FEWEST = 4;
const MOST = 1024;

/** No window that a server could demand is narrower, and none of these messages is longer. */
const WINDOW_BITS = 10;

const RSV1 = 4;

/** Messages of known places in one buffer. */
export interface Train {
  readonly bytes: Buffer;
  /** Where each message begins, and where the last one ends. */
  readonly starts: readonly number[];
}

/** Both directions. */
export interface Trains {
  /** How many different messages there are. */
  readonly count: number;
  /** `count` messages, and the first `depth` again. */
  readonly outgoing: Train;
  /** `count` messages. */
  readonly expected: Train;
  /** The payloads, plain. */
  readonly payloads: readonly Bytes[];
}

/**
 * Makes the trains of a scenario.
 *
 * @param raw Payloads without frames, for a plain TCP echo.
 */
export function createTrains(scenario: Scenario, raw: boolean): Trains {
  const { depth, kind, size, senders, compressed } = scenario;
  // Nobody knows in which order the messages of several senders come.
  const count = senders > 1 ? 1 : Math.min(Math.max(Math.floor(TRAIN_SIZE / size), FEWEST), MOST);
  const payloads = Array.from({ length: count }, (_, seed) => createPayload(kind, size, seed));
  const frame = (masked: boolean) => (payload: Bytes): Bytes => {
    if (raw) return payload;
    const encoder = new FrameEncoder(masked);
    const opcode = kind === "binary" ? Opcode.binary : Opcode.text;
    if (compressed) encoder.binary(opcode, deflate(payload), true, RSV1);
    else encoder.binary(opcode, payload);
    return takeAll(encoder);
  };
  const sent = payloads.map(frame(true));
  const again = Array.from({ length: depth }, (_, i) => sent[i % count]!);
  return {
    count,
    outgoing: couple([...sent, ...again]),
    expected: couple(payloads.map(frame(false))),
    payloads,
  };
}

/** A message compressed on its own, which is valid wherever it comes in a connection (RFC 7692 section 7.2.1). */
function deflate(payload: Bytes): Bytes {
  const deflater = zlibBackend.createDeflater(
    { level: 1, memoryLevel: 8, windowBits: WINDOW_BITS },
    false,
  );
  const deflated = deflater.deflate(payload);
  deflater.close();
  return deflated.subarray(0, deflated.length - 4);
}

/** All that an encoder holds, in one piece. */
export function takeAll(encoder: FrameEncoder): Bytes {
  const segments: Bytes[] = [];
  for (let segment = encoder.take(); segment !== undefined; segment = encoder.take()) {
    segments.push(segment);
  }
  return segments.length === 1 ? segments[0]! : new Uint8Array(Buffer.concat(segments));
}

function couple(messages: readonly Bytes[]): Train {
  const starts = [0];
  for (const { length } of messages) starts.push(starts.at(-1)! + length);
  return { bytes: Buffer.concat(messages), starts };
}
