// DEFLATE by the runtime's own zlib, without leaving the stack: `node:zlib` exists on Node, Deno and Bun.
//
// 1. zlib's streams are asynchronous: 120 µs for a small message on Node. Their handle has `writeSync()`, which keeps
//    its context and takes 2 to 6 µs on all three, but it is not documented. So it is tried once, on a real message,
//    and where it does not do what it must, zlib_public.ts does the work with documented functions (10 to 16 µs).
// 2. Whoever sends may forget its context at any time, for nothing obliges it to refer back. So only the latest
//    MAX_CONTEXTS connections to send keep one: memory is bounded however many connect.
// 3. Whoever receives may not. But a window goes in again as a stored block, so one inflater serves all connections.

import { constants, createDeflateRaw, createInflateRaw } from "node:zlib";
import { type Bytes, concat, EMPTY } from "../src/bytes.ts";
import type { DeflateBackend, Deflater, DeflateSettings } from "../src/deflate/backend.ts";
import { publicBackend, STORED_HEADER, writeStoredHeader } from "./zlib_public.ts";

const { Z_DEFAULT_STRATEGY, Z_RLE, Z_SYNC_FLUSH } = constants;

/** Senders that keep a context at once: 32 KiB each with the default settings. */
const MAX_CONTEXTS = 1024;

/** A message has one end, or a few; thousands would only cost time. */
const MAX_FINAL_BLOCKS = 64;

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

/** What a run gave. */
interface Output {
  readonly output: Bytes;
  readonly used: number;
}

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
  run(input: Uint8Array, skipped: number, maxLength: number): Output | "too long" | "invalid" {
    let output: Bytes | undefined;
    let used = 0;
    for (;;) {
      const left = input.length - used;
      this.#handle.writeSync(Z_SYNC_FLUSH, input, used, left, scratch, 0, scratch.length);
      if (this.#failed) return "invalid";
      const [room = 0, unread = 0] = this.#left;
      used = input.length - unread;
      const piece = scratch.slice(skipped, scratch.length - room);
      skipped = 0;
      output = output === undefined ? piece : concat([output, piece]);
      if (output.length > maxLength) return "too long";
      if (room > 0) return { output, used };
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
    }
    return deflateWith(this.#context, data);
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

const handleBackend: DeflateBackend = {
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
      close() {},
    };
  },

  inflate(data, dictionary, maxLength) {
    inflater ??= new Context(createInflateRaw());
    let plain: Bytes = EMPTY;
    let window = dictionary ?? EMPTY;
    let rest = data;
    for (let ends = 0; ends <= MAX_FINAL_BLOCKS; ends++) {
      inflater.reset();
      const primed = window.length === 0 ? rest : prime(window, rest);
      const result = inflater.run(primed, window.length, maxLength - plain.length);
      if (typeof result === "string") return result;
      plain = ends === 0 ? result.output : concat([plain, result.output]);
      rest = rest.subarray(Math.max(0, result.used - (primed.length - rest.length)));
      // zlib stops behind a final block, while a message may go on (RFC 7692 section 7.2.3.4). One octet
      // of 0 is the header of the empty block whose rest is not sent.
      if (rest.length === 0 || (rest.length === 1 && rest[0] === 0)) return plain;
      window = plain.subarray(-32_768);
    }
    return "invalid";
  },
};

/** `data` behind `window` as a stored block, in memory that the next call uses again. */
function prime(window: Bytes, data: Uint8Array): Uint8Array {
  const length = STORED_HEADER + window.length + data.length;
  if (length > primed.length) primed = new Uint8Array(length);
  writeStoredHeader(primed, window.length);
  primed.set(window, STORED_HEADER);
  primed.set(data, STORED_HEADER + window.length);
  return primed.subarray(0, length);
}

let primed = new Uint8Array(65_536);

function handleWorks(): boolean {
  try {
    const text = new TextEncoder().encode("The same words, the same words, the same words.");
    const deflater = handleBackend.createDeflater(
      { level: 6, memoryLevel: 5, windowBits: 12 },
      true,
    );
    const first = deflater.deflate(text);
    const second = deflater.deflate(text);
    deflater.close();
    const plain = handleBackend.inflate(second, text, text.length);
    const bad = handleBackend.inflate(new Uint8Array([0xff, 0xff]), undefined, 1);
    return second.length < first.length && bad === "invalid" && typeof plain !== "string" &&
      plain.length === text.length && plain.every((octet, i) => octet === text[i]) &&
      handleBackend.inflate(first, undefined, text.length - 1) === "too long";
  } catch {
    return false;
  }
}

let chosen: DeflateBackend | undefined;

function backend(): DeflateBackend {
  chosen ??= handleWorks() ? handleBackend : publicBackend;
  return chosen;
}

/** zlib, as the core asks for it. It is tried out when it is first used. */
export const zlibBackend: DeflateBackend = {
  createDeflater: (settings, takeover) => backend().createDeflater(settings, takeover),
  inflate: (data, dictionary, maxLength) => backend().inflate(data, dictionary, maxLength),
};
