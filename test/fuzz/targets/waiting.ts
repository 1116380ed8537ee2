// A connection whose consumer is behind, as far as the sample says: what it gets, and what is answered meanwhile,
// against the whole-input reader of naive_protocol.ts. It may transfer what it gets.

import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import { setImmediate } from "node:timers";
import { zlibBackend } from "../../../runtimes/shared/zlib.ts";
import { type Bytes, concat } from "../../../src/util/bytes.ts";
import { resolveCompression } from "../../../src/deflate/options.ts";
import { PerMessageDeflate } from "../../../src/deflate/permessage.ts";
import { type Message, ProtocolError, type WebSocketConnection } from "@sansocket/ws";
import { type FakeConnection, openFake } from "../../support/established.ts";
import { decodeFrames } from "../../support/frames.ts";
import { cutAt } from "../../support/split.ts";
import { mutated, streamOf } from "../mutate.ts";
import { readStream, type Setting } from "../naive_protocol.ts";
import { compressedStream, frameStream } from "../streams.ts";
import { type Sample, samplesOf, type Target } from "../target.ts";

/** A connection, and what its consumer does. */
export interface WaitingOptions extends Pick<Setting, "maxMessageSize" | "compression"> {
  /** How many messages it takes after each chunk, if so many wait. */
  readonly takes: readonly number[];
  /** Whether it always waits for one more, so that it is hardly ever behind. */
  readonly eager: boolean;
  /** Whether it transfers each binary message. */
  readonly transfers: boolean;
  /** Whether each binary message has a buffer of its own. */
  readonly ownBuffers: boolean;
  /** Whether chunks are only lent. */
  readonly lent: boolean;
  /** How the byte stream ends. */
  readonly end: "in order" | "reset";
}

const options = {
  takes: fc.array(fc.nat(4), { minLength: 1, maxLength: 6 }),
  eager: fc.boolean(),
  transfers: fc.boolean(),
  ownBuffers: fc.boolean(),
  lent: fc.boolean(),
  end: fc.constantFrom<"in order" | "reset">("in order", "reset"),
};

const plain: fc.Arbitrary<Sample<WaitingOptions>> = samplesOf(
  // Many frames, so that more come than may wait.
  mutated(
    fc.tuple(frameStream("server"), fc.nat(5)).map(([{ bytes }, more]) =>
      streamOf(Array<Bytes>(more + 1).fill(bytes))
    ),
  ),
  fc.record({ ...options, maxMessageSize: fc.constantFrom(40, 1000, 2 ** 30) }),
);

const packed: fc.Arbitrary<Sample<WaitingOptions>> = fc.record({
  takeover: fc.boolean(),
  windowBits: fc.integer({ min: 9, max: 15 }),
}).chain((compression) =>
  samplesOf(
    mutated(compressedStream("server", compression.takeover, compression.windowBits)),
    fc.record({
      ...options,
      maxMessageSize: fc.constantFrom(1000, 70_000),
      compression: fc.constant(compression),
    }),
  )
);

/** A consumer that is behind. */
export const waiting: Target<WaitingOptions> = {
  name: "waiting",
  promise:
    "a consumer that is behind gets every message in order, and nothing behind them is hidden",
  file: "waiting.ts",
  samples: fc.oneof({ weight: 2, arbitrary: plain }, { weight: 1, arbitrary: packed }),
  async check(bytes: Bytes, cuts: readonly number[], options: WaitingOptions): Promise<void> {
    const { maxMessageSize, compression } = options;
    const setting: Setting = {
      role: "server",
      maxMessageSize,
      maxFragments: 131_072,
      closing: false,
      congested: false,
      ...(compression && { compression }),
    };
    const { events, failure, written } = readStream(bytes, setting);
    const { got, answers, code, failedItself, reported } = await run(bytes, cuts, options);
    const due = events.filter((event) => /^(text|binary)/.test(event));
    // What waits behind a violation is discarded, and so is what a transfer took with it.
    assertEquals(got, due.slice(0, got.length), "in order");
    assertEquals(reported, failedItself ? 1 : 0);
    if (failedItself) return assert(options.transfers && !options.ownBuffers);
    if (failure.length > 0) {
      // One that waits compressed is judged when it is taken, which may be behind other mistakes, or the end.
      const right = compression !== undefined || failure.includes(code!);
      return assert(right, `${code} is none of ${failure}`);
    }
    assertEquals(got.length, due.length, "all of them");
    // Pongs, and the answer to a Close frame.
    assertEquals(answers, written);
  },
};

interface Outcome {
  readonly got: readonly string[];
  readonly answers: readonly string[];
  readonly code: number | undefined;
  readonly failedItself: boolean;
  readonly reported: number;
}

async function run(
  bytes: Bytes,
  cuts: readonly number[],
  options: WaitingOptions,
): Promise<Outcome> {
  const { maxMessageSize, compression, takes, eager, ownBuffers, lent, end } = options;
  const failed: Error[] = [];
  const fake = openFake({
    maxMessageSize,
    ownBuffers,
    heartbeat: false,
    ...(compression && { compression: { extensions: [], transform: transformOf(compression) } }),
  });
  fake.dispatcher.hooks = { failed: (error) => void failed.push(error) };
  const { transport, endpoint, connection } = fake;
  const got: string[] = [];
  const take = (): Promise<boolean> => takeOne(connection, got, options);
  const takeAll = async (): Promise<void> => {
    while (await take());
  };
  const reading = eager ? takeAll() : undefined;
  let asking: Promise<unknown> | undefined;
  /** Asks for a message, unless that was done and it has not come. */
  const ask = async (): Promise<void> => {
    if (!eager) asking ??= take().then(() => asking = undefined);
    await turn();
  };
  /** Nothing is read while as many wait as may. */
  const makeRoom = async (): Promise<void> => {
    await turn();
    for (let round = 0; transport.paused && endpoint.open; round++) {
      assert(round < 1_000, "reading never goes on");
      await ask();
    }
    // What was answered leaves at the end of the turn.
    while (endpoint.bufferedAmount > 0) await turn();
  };
  for (const [i, chunk] of cutAt(bytes, cuts).entries()) {
    await makeRoom();
    if (chunk.length > 0) {
      transport.sink.data(chunk, lent);
      if (lent) chunk.fill(0xee);
    }
    await turn();
    for (let left = takes[i % takes.length]!; left > 0 && endpoint.draining; left--) await ask();
  }
  await makeRoom();
  if (end === "in order") transport.sink.end();
  transport.sink.closed(end === "reset" ? new Error("ECONNRESET") : undefined);
  const { cause } = await connection.closed;
  await asking;
  await (reading ?? takeAll());
  return {
    got,
    answers: answersOf(fake),
    code: cause instanceof ProtocolError ? cause.code : undefined,
    failedItself: failed.length > 0,
    reported: failed.length,
  };
}

/** Takes a message; false when there is none any more. */
async function takeOne(
  ws: WebSocketConnection<undefined>,
  got: string[],
  { transfers }: WaitingOptions,
): Promise<boolean> {
  let message: Message;
  try {
    message = await ws.receive();
  } catch {
    return false;
  }
  if (typeof message === "string") got.push(`text ${message}`);
  else {
    got.push(`binary ${encodeHex(message)}`);
    if (transfers && message.length > 0) {
      structuredClone(message.buffer, { transfer: [message.buffer] });
    }
  }
  return true;
}

/** What was written, as naive_protocol.ts tells it: a Close frame without its reason. */
function answersOf({ transport }: FakeConnection): string[] {
  return decodeFrames(concat(transport.writes)).map(({ opcode, payload }) => {
    const told = opcode === 8 ? payload.subarray(0, 2) : payload;
    return `${(128 + opcode).toString(16)} ${encodeHex(told)}`;
  });
}

function transformOf(
  { takeover, windowBits }: NonNullable<Setting["compression"]>,
): PerMessageDeflate {
  const parameters = {
    sendTakeover: false,
    sendWindowBits: 15,
    receiveTakeover: takeover,
    receiveWindowBits: windowBits,
  };
  return new PerMessageDeflate(zlibBackend, parameters, resolveCompression(true)!);
}

/**
 * Long enough for a turn (turn.ts) to end. Not by microtasks alone, which Bun's test runner lets run within a native call
 * that fails: whoever awaits many of them there would keep what called it waiting.
 */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
