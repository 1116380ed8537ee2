// DEFLATE by the runtime's own zlib, without leaving the stack: `node:zlib` exists on Node, Deno
// and Bun.
//
// 1. zlib's streams are asynchronous: 120 µs for a small message on Node. Their handle has
//    `writeSync()`, which keeps its context and takes 2 to 6 µs on all three, but it is not
//    documented. So it is tried once, on a real message. Where it fails, zlib_public.ts does the
//    work with documented functions (10 to 16 µs).
// 2. A sender may forget its context at any time, because nothing obliges it to refer back. So only
//    the latest MAX_CONTEXTS connections to send keep one: memory is bounded however many connect.
// 3. A receiver may not. But a window can go in again (zlib_blocks.ts), so one inflater serves all
//    connections.

import { constants, createDeflateRaw, createInflateRaw } from "node:zlib";
import { type Bytes, concat } from "../../src/util/bytes.ts";
import type { DeflateBackend, Deflater, DeflateSettings } from "../../src/deflate/backend.ts";
import {
  inflateMessage,
  type InflateResult,
  type InflateRun,
  STORED_HEADER,
  type Tail,
  writeStoredHeader,
} from "./zlib_blocks.ts";
import { publicBackend } from "./zlib_public.ts";

const { Z_DEFAULT_STRATEGY, Z_RLE, Z_SYNC_FLUSH } = constants;

/**
 * Senders that keep a context at once, which takes 95 (Node) to 170 KiB (Bun) with the default
 * settings: lower ones have no effect on zlib's tables, which have one size in the runtimes'
 * builds.
 */
export const MAX_CONTEXTS = 512;

/**
 * The size of the output buffer of the stream around a handle. The buffer is not used, so it is the
 * smallest that there can be.
 */
const UNUSED_CHUNK = 64;

/** What is used of the handle of a zlib stream. */
interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
  reset(): void;
  close(): void;
  onerror: (message: string, errno: number, code: string) => void;
}

/**
 * Output lands here first; what is kept is copied out, so that no message holds on to more than its
 * own bytes.
 */
const scratch = new Uint8Array(65_536);

/** A zlib stream used synchronously. */
class Context {
  readonly #handle: Handle;
  /** Octets of output room and of input that the last write left. */
  readonly #left: Uint32Array;
  #failed = false;

  constructor(stream: object) {
    const { _handle, _writeState } = stream as { _handle: Handle; _writeState: Uint32Array };
    this.#handle = _handle;
    this.#left = _writeState;
    _handle.onerror = () => this.#failed = true;
  }

  reset(): void {
    this.#failed = false;
    this.#handle.reset();
  }

  close(): void {
    this.#handle.close();
  }

  /**
   * Runs `input` through to a sync flush.
   *
   * @param skipped Octets to drop at the start of the output, at most a window.
   * @param maxLength The most octets of output behind those.
   * @param filler Octets to drop at the end of the output, if the stream ends before the last octet
   * of `input`.
   * @returns The output, and how much of the input was used.
   */
  run(
    input: Uint8Array,
    skipped: number,
    maxLength: number,
    filler = 0,
  ): InflateResult | "too long" | "invalid" {
    const pieces: Bytes[] = [];
    let length = 0;
    let used = 0;
    for (;;) {
      const left = input.length - used;
      this.#handle.writeSync(Z_SYNC_FLUSH, input, used, left, scratch, 0, scratch.length);
      if (this.#failed) return "invalid";
      const [room = 0, unread = 0] = this.#left;
      used = input.length - unread;
      const done = room > 0;
      const dropped = done && unread === 1 ? filler : 0;
      const end = scratch.length - room - dropped;
      // What is to be dropped may have begun in the piece before.
      if (end < skipped) trim(pieces, skipped - end);
      const piece = scratch.slice(skipped, Math.max(skipped, end));
      length += end - skipped;
      skipped = 0;
      if (length > maxLength + (done ? 0 : filler)) return "too long";
      if (done && pieces.length === 0) return { output: piece, used };
      pieces.push(piece);
      if (done) return { output: concat(pieces), used };
    }
  }
}

/** Takes octets off the end; fewer than the last of the pieces has. */
function trim(pieces: Bytes[], count: number): void {
  const last = pieces.pop();
  if (last !== undefined) pieces.push(last.subarray(0, last.length - count));
}

function createDeflateContext({ level, memoryLevel, windowBits }: DeflateSettings): Context {
  return new Context(createDeflateRaw({
    level,
    memLevel: memoryLevel,
    // zlib has no raw window of 2^8 octets. Run-length matches, all at distance 1, fit any window.
    windowBits: Math.max(windowBits, 9),
    strategy: windowBits < 9 ? Z_RLE : Z_DEFAULT_STRATEGY,
    chunkSize: UNUSED_CHUNK,
  }));
}

function deflateWith(context: Context, data: Uint8Array): Bytes {
  const result = context.run(data, 0, Infinity);
  // Deflating fails for no input; only memory could be short.
  if (typeof result === "string") throw new Error("zlib could not deflate");
  return result.output;
}

/** The contexts in use, the one that was used longest ago first. */
const contexts = new Set<TakeoverDeflater>();

/** A sender whose messages may refer back. */
class TakeoverDeflater implements Deflater {
  readonly #settings: DeflateSettings;
  #context: Context | undefined;
  /** Whether the context is to be forgotten before it is used again. */
  #stale = false;

  constructor(settings: DeflateSettings) {
    this.#settings = settings;
  }

  deflate(data: Uint8Array): Bytes {
    contexts.delete(this);
    contexts.add(this);
    if (this.#context === undefined) {
      this.#context = createDeflateContext(this.#settings);
      if (contexts.size > MAX_CONTEXTS) {
        for (const oldest of contexts) {
          oldest.close();
          break;
        }
      }
    } else if (this.#stale) this.#context.reset();
    this.#stale = false;
    return deflateWith(this.#context, data);
  }

  forget(): void {
    this.#stale = true;
  }

  close(): void {
    contexts.delete(this);
    this.#context?.close();
    this.#context = undefined;
  }
}

/** Deflaters that forget after each message: one for all connections with the same settings. */
const shared = new Map<string, Context>();

let inflater: Context | undefined;

/** zlib by the handles of its streams. */
export const handleBackend: DeflateBackend = {
  createDeflater(settings, takeover) {
    if (takeover) return new TakeoverDeflater(settings);
    const key = `${settings.level} ${settings.memoryLevel} ${settings.windowBits}`;
    return {
      deflate(data) {
        let context = shared.get(key);
        if (context === undefined) shared.set(key, context = createDeflateContext(settings));
        else context.reset();
        return deflateWith(context, data);
      },
      forget() {},
      close() {},
    };
  },

  inflate: (data, dictionary, maxLength) => inflateMessage(inflate, data, dictionary, maxLength),
};

/**
 * Holds the window and the data to inflate; data that does not fit behind the window stays outside.
 */
const primed = new Uint8Array(65_536);

const inflate: InflateRun = (window, data, tail, maxLength, again) => {
  if (inflater === undefined) {
    inflater = new Context(createInflateRaw({ chunkSize: UNUSED_CHUNK }));
  } else inflater.reset();
  const start = window.length === 0 ? 0 : STORED_HEADER + window.length;
  if (start > 0) {
    writeStoredHeader(primed, window.length);
    primed.set(window, STORED_HEADER);
  }
  const end = start + data.length;
  const length = end + tail.bytes.length;
  // Behind a final block the rest is long, and it may end soon: only what is read may cost
  // anything.
  if (again || length > primed.length) {
    return inflateParts(inflater, primed.subarray(0, start), data, tail, maxLength);
  }
  primed.set(data, start);
  primed.set(tail.bytes, end);
  const input = primed.subarray(0, length);
  const result = inflater.run(input, window.length, maxLength, tail.filler);
  if (typeof result !== "string") result.used -= start;
  return result;
};

/** The same in three writes, none of which copies `data`. */
function inflateParts(
  inflater: Context,
  before: Uint8Array,
  data: Uint8Array,
  tail: Tail,
  maxLength: number,
): InflateResult | "too long" | "invalid" {
  if (before.length > 0) inflater.run(before, before.length - STORED_HEADER, Infinity);
  const body = inflater.run(data, 0, maxLength);
  if (typeof body === "string" || body.used < data.length) return body;
  const end = inflater.run(tail.bytes, 0, maxLength - body.output.length, tail.filler);
  if (typeof end === "string") return end;
  const output = end.output.length === 0 ? body.output : concat([body.output, end.output]);
  return { output, used: data.length + end.used };
}

/** Chooses `candidate` if it handles a real message well, or else the documented functions. */
export function chooseBackend(candidate: DeflateBackend): DeflateBackend {
  return works(candidate) ? candidate : publicBackend;
}

function works(candidate: DeflateBackend): boolean {
  try {
    const text = new TextEncoder().encode("The same words, the same words, the same words.");
    const deflater = candidate.createDeflater(
      { level: 6, memoryLevel: 5, windowBits: 12 },
      true,
    );
    const first = deflater.deflate(text).subarray(0, -4);
    const second = deflater.deflate(text).subarray(0, -4);
    deflater.close();
    const plain = candidate.inflate(second, text, text.length);
    const bad = candidate.inflate(new Uint8Array([0xff, 0xff]), undefined, 1);
    return second.length < first.length && bad === "invalid" && typeof plain !== "string" &&
      plain.length === text.length && plain.every((octet, i) => octet === text[i]) &&
      candidate.inflate(first, undefined, text.length - 1) === "too long";
  } catch {
    return false;
  }
}

let chosen: DeflateBackend | undefined;

function backend(): DeflateBackend {
  chosen ??= chooseBackend(handleBackend);
  return chosen;
}

/** The zlib backend of the core. It is tried out at its first use. */
export const zlibBackend: DeflateBackend = {
  createDeflater: (settings, takeover) => backend().createDeflater(settings, takeover),
  inflate: (data, dictionary, maxLength) => backend().inflate(data, dictionary, maxLength),
};
