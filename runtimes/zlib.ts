// DEFLATE by the runtime's own zlib, without leaving the stack: `node:zlib` exists on Node, Deno and Bun.
//
// 1. zlib's streams are asynchronous: 120 µs for a small message on Node. Their handle has `writeSync()`, which keeps
//    its context and takes 2 to 6 µs on all three, but it is not documented. So it is tried once, on a real message,
//    and where it does not do what it must, zlib_public.ts does the work with documented functions (10 to 16 µs).
// 2. Whoever sends may forget its context at any time, for nothing obliges it to refer back. So only the latest
//    MAX_CONTEXTS connections to send keep one: memory is bounded however many connect.
// 3. Whoever receives may not. But a window can go in again (zlib_blocks.ts), so one inflater serves all connections.

import { constants, createDeflateRaw, createInflateRaw } from "node:zlib";
import { type Bytes, concat } from "../src/bytes.ts";
import type { DeflateBackend, Deflater, DeflateSettings } from "../src/deflate/backend.ts";
import {
  inflateMessage,
  type InflateResult,
  STORED_HEADER,
  TAIL,
  writeStoredHeader,
} from "./zlib_blocks.ts";
import { publicBackend } from "./zlib_public.ts";

const { Z_DEFAULT_STRATEGY, Z_RLE, Z_SYNC_FLUSH } = constants;

/**
 * Senders that keep a context at once, which takes 95 (Node) to 170 KiB (Bun) with the default settings: less has no
 * effect on zlib's tables, which the runtimes' builds have at one size.
 */
export const MAX_CONTEXTS = 512;

/** The output buffer of the stream around a handle, which nobody uses: the smallest that there can be. */
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

/** Output lands here first; what is kept is copied out, so that no message holds on to more than its own bytes. */
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
   * @param skipped Octets at the start of the output that nobody wants.
   * @returns The output behind those, at most `maxLength`, and how much of the input was used.
   */
  run(
    input: Uint8Array,
    skipped: number,
    maxLength: number,
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
      const piece = scratch.slice(skipped, scratch.length - room);
      skipped = 0;
      length += piece.length;
      if (length > maxLength) return "too long";
      if (room > 0 && pieces.length === 0) return { output: piece, used };
      pieces.push(piece);
      if (room > 0) return { output: concat(pieces), used };
    }
  }
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

function inflate(
  window: Bytes,
  data: Uint8Array,
  maxLength: number,
): InflateResult | "too long" | "invalid" {
  if (inflater === undefined) {
    inflater = new Context(createInflateRaw({ chunkSize: UNUSED_CHUNK }));
  } else inflater.reset();
  const input = prime(window, data);
  const result = inflater.run(input, window.length, maxLength);
  if (typeof result === "string") return result;
  const unread = input.length - result.used;
  // The stream ended behind the tail, or in the data; an end within the tail is none that the message has.
  if (unread === 1) return { output: result.output, used: data.length };
  const rest = unread - TAIL.length - 1;
  return rest < 0 ? "invalid" : { output: result.output, used: data.length - rest };
}

/** Takes most of what is inflated; what is longer has memory of its own for a while. */
const primed = new Uint8Array(65_536);

/** `window` as a stored block, `data`, the tail, and one octet that stays unread when the tail ends the stream. */
function prime(window: Bytes, data: Uint8Array): Uint8Array {
  const start = window.length === 0 ? 0 : STORED_HEADER + window.length;
  const length = start + data.length + TAIL.length + 1;
  const input = length <= primed.length ? primed.subarray(0, length) : new Uint8Array(length);
  if (start > 0) {
    writeStoredHeader(input, window.length);
    input.set(window, STORED_HEADER);
  }
  input.set(data, start);
  input.set(TAIL, start + data.length);
  return input;
}

/** `candidate` if it does on a real message what it must, or else the documented functions. */
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

/** zlib, as the core asks for it. It is tried out when it is first used. */
export const zlibBackend: DeflateBackend = {
  createDeflater: (settings, takeover) => backend().createDeflater(settings, takeover),
  inflate: (data, dictionary, maxLength) => backend().inflate(data, dictionary, maxLength),
};
