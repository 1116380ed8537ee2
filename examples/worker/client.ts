// connect() over the sockets of Cloudflare Workers, which are pairs of web streams: with header
// fields of your own and Pings, which a Worker's fetch() or WebSocket cannot send, and compression
// by a package, since a Worker has no synchronous zlib by default.

import { type Connect, createConnect, createWebRuntime } from "@sansocket/ws/web";
import type { Bytes, DeflateBackend, Deflater, DeflateSettings } from "@sansocket/ws/web";
import { Deflate, Inflate } from "pako";

/** As `connect()` of "cloudflare:sockets" gives it. */
export interface WorkerSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** `connect()` of "cloudflare:sockets". */
export type OpenSocket = (
  address: { hostname: string; port: number },
  options: { secureTransport: "on" | "off"; allowHalfOpen: boolean },
) => WorkerSocket;

/** Makes the `connect()` of the library over such sockets. */
export function createWorkerConnect(open: OpenSocket): Connect {
  const runtime = createWebRuntime({
    open: ({ hostname, port }, { tls }) =>
      open({ hostname, port }, {
        secureTransport: tls === undefined ? "off" : "on",
        allowHalfOpen: true,
      }),
  });
  return createConnect({ ...runtime, deflate: pakoBackend });
}

/** What ends each message, and is not sent (RFC 7692 section 7.2.1). */
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff);
/** A message of no octets. */
const NOTHING = Uint8Array.of(0, ...TAIL);
const SYNC_FLUSH = 2;
const RLE = 3;

/** DEFLATE by pako. */
export const pakoBackend: DeflateBackend = {
  createDeflater: (settings, takeover) => new PakoDeflater(settings, takeover),

  inflate(data, dictionary, maxLength) {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const inflate = new Inflate({ raw: true, ...(dictionary && { dictionary }) });
    inflate.onData = (chunk) => {
      chunks.push(chunk);
      length += chunk.length;
      // Ends it in the middle: the rest may be a thousand times as long.
      if (length > maxLength) throw TOO_LONG;
    };
    try {
      inflate.push(data, SYNC_FLUSH);
      if (!inflate.ended) inflate.push(TAIL, SYNC_FLUSH);
    } catch (error) {
      if (error === TOO_LONG) return "too long";
      throw error;
    }
    return inflate.err === 0 ? join(chunks, length) : "invalid";
  },
};

const TOO_LONG = new Error("Too long");

class PakoDeflater implements Deflater {
  readonly #settings: DeflateSettings;
  readonly #takeover: boolean;
  #deflate: Deflate | undefined;

  constructor(settings: DeflateSettings, takeover: boolean) {
    this.#settings = settings;
    this.#takeover = takeover;
  }

  deflate(data: Uint8Array): Bytes {
    if (data.length === 0) return NOTHING.slice();
    const { level, memoryLevel, windowBits } = this.#settings;
    const chunks: Uint8Array[] = [];
    let length = 0;
    const deflate = this.#deflate ??= new Deflate({
      raw: true,
      level: level as 6,
      memLevel: memoryLevel,
      // zlib has no window of 256 octets.
      windowBits: Math.max(windowBits, 9),
      ...(windowBits < 9 && { strategy: RLE }),
    });
    deflate.onData = (chunk) => {
      chunks.push(chunk);
      length += chunk.length;
    };
    deflate.push(data, SYNC_FLUSH);
    if (!this.#takeover) this.forget();
    return join(chunks, length);
  }

  forget(): void {
    this.#deflate = undefined;
  }

  close(): void {
    this.forget();
  }
}

function join(chunks: readonly Uint8Array[], length: number): Bytes {
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}
