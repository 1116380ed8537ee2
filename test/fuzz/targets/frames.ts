// Frames in both roles, compressed or not, against the whole-input reader of naive_protocol.ts.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { zlibBackend } from "../../../runtimes/shared/zlib.ts";
import type { Bytes } from "../../../src/util/bytes.ts";
import { resolveCompression } from "../../../src/deflate/options.ts";
import { PerMessageDeflate } from "../../../src/deflate/permessage.ts";
import type { MessageTransform } from "../../../src/protocol/message_assembler.ts";
import { cutAt } from "../../support/split.ts";
import { type Drive, drive, type Driving } from "../connection.ts";
import { largestAllocation } from "../memory.ts";
import { mutated } from "../mutate.ts";
import { type Reading, readStream, type Setting } from "../naive_protocol.ts";
import { SLAB_SIZE } from "../../../src/util/slab.ts";
import { compressedStream, frameStream } from "../streams.ts";
import { octets, type Sample, samplesOf, type Target } from "../target.ts";

/** A connection, and how its chunks are taken. */
export interface ConnectionOptions extends Setting, Driving {}

/** What a slab of the encoder, and the scratch memory of zlib, cost whatever comes. */
const CONSTANT_MEMORY = SLAB_SIZE + 65_536;

const options = {
  maxMessageSize: fc.constantFrom(40, 200, 1000, 2 ** 40),
  maxFragments: fc.constantFrom(1, 3, 8, 1000),
  closing: fc.nat(9).map((n) => n === 0),
  congested: fc.nat(9).map((n) => n === 0),
  holding: fc.boolean(),
  streamFrom: fc.constantFrom(0, 20, 2 ** 50),
  lent: fc.boolean(),
};

/** Frames without an extension. */
export const frames: Target<ConnectionOptions> = {
  name: "frames",
  promise: "frames give the same events, answers and close codes as in a naive reader",
  file: "frames.ts",
  samples: fc.constantFrom<Setting["role"]>("client", "server").chain((role) =>
    samplesOf(mutated(frameStream(role)), fc.record({ ...options, role: fc.constant(role) }))
  ),
  check(bytes: Bytes, cuts: readonly number[], options: ConnectionOptions): void {
    // A message has room for 16 times what has come of it, as far as that was declared (message_assembler.ts).
    const most = CONSTANT_MEMORY + 16 * bytes.length;
    const largest = largestAllocation(() => compare(bytes, cuts, options));
    assert(largest <= most, `${largest} octets were allocated at once for ${bytes.length}`);
  },
};

/** Frames with permessage-deflate. */
export const compressed: Target<ConnectionOptions> = {
  name: "compressed",
  promise: "compressed frames give the same as in a naive reader with a naive inflater",
  file: "frames.ts",
  samples: fc.record({
    role: fc.constantFrom<Setting["role"]>("client", "server"),
    takeover: fc.boolean(),
    windowBits: fc.integer({ min: 8, max: 15 }),
  }).chain(({ role, takeover, windowBits }): fc.Arbitrary<Sample<ConnectionOptions>> =>
    samplesOf(
      mutated(compressedStream(role, takeover, windowBits)),
      fc.record({
        ...options,
        maxMessageSize: fc.constantFrom(40, 1000, 70_000, 70_000),
        role: fc.constant(role),
        compression: fc.constant({ takeover, windowBits }),
      }),
    )
  ),
  check: compare,
};

function compare(bytes: Bytes, cuts: readonly number[], options: ConnectionOptions): void {
  const whole = readStream(bytes, options);
  const parts = cutAt(bytes, cuts);
  const split = run(options, parts);
  agree(split, whole);
  // What can be told is told with the chunk that shows it, a mistake too.
  let length = 0;
  const due = parts.map((part) =>
    readStream(bytes.subarray(0, length += part.length), options).events.length
  );
  assertEquals(split.counts, due, "events after each chunk");
  agree(run(options, [bytes.slice()]), whole);
  agree(run(options, octets(bytes)), whole);
}

function run(options: ConnectionOptions, chunks: readonly Bytes[]): Drive {
  return drive(options, options, chunks, transformOf(options));
}

function transformOf({ compression }: Setting): MessageTransform | undefined {
  if (compression === undefined) return undefined;
  const { takeover, windowBits } = compression;
  const parameters = {
    sendTakeover: false,
    sendWindowBits: 15,
    receiveTakeover: takeover,
    receiveWindowBits: windowBits,
  };
  return new PerMessageDeflate(zlibBackend, parameters, resolveCompression(true)!);
}

function agree(actual: Drive, expected: Reading): void {
  const { counts: _, ...reading } = actual;
  const { events, state, failure } = expected;
  let { written } = expected;
  if (failure.length > 1) {
    // Any of the codes is right.
    assert(failure.includes(reading.failure[0]!));
    assertEquals(reading.written.slice(0, -1), written.slice(0, -1));
    written = reading.written;
  }
  const [code = failure[0]] = reading.failure;
  const codes = code !== undefined && failure.includes(code) ? [code] : failure;
  assertEquals<Reading>(reading, { state, written, failure: codes, events });
}
