// Reports the frames, the states and the handshake of one connection (trace.ts has the events).
//
// 1. It reads the bytes themselves, as they come from the transport and go to it, with a decoder of
//    its own in each direction: it reports what was on the wire. A connection without a trace pays
//    for one check for each chunk and one for each batch.
// 2. It reports a frame when all of its payload has passed, in a microtask. By then the chunk has
//    been processed, and a compressed message inflated, unless it waits for its consumer. And the
//    function that is told may send, close or trace again, but not in the middle of a batch.
// 3. The payload is copied, since the protocol unmasks it in place.

import { FrameDecoder } from "../protocol/frame_decoder.ts";
import { Opcode, RSV1 } from "../protocol/frame_header.ts";
import type { MessageTransform } from "../protocol/message_assembler.ts";
import { type Bytes, concat } from "../util/bytes.ts";
import { type Clock, systemClock } from "../util/clock.ts";
import { tell } from "../util/promises.ts";
import type { TraceEvent, TraceFrame, TraceFunction, TraceOptions } from "./trace.ts";

/** Octets to show of a control frame: all that it can have. */
const CONTROL = 125;

/** Fields whose values are credentials. */
const SECRET = /^(authorization|proxy-authorization|cookie|set-cookie):.*$/gim;

/** A message before it was compressed, or after it was inflated. */
type Plain = Required<Pick<TraceFrame, "plainSize" | "preview">>;

/** An event that may still get `plainSize` and `preview`. */
type Told = { -readonly [K in keyof TraceFrame]: TraceFrame[K] };

/** A frame that has passed. */
interface Frame {
  readonly told: Pick<TraceFrame, "opcode" | "fin" | "rsv1" | "size" | "preview">;
  /** Whether it ends a compressed message. */
  readonly endsCompressed: boolean;
  /** Of the payload of a compressed message so far. */
  readonly hash: number;
}

/** The most messages that are known before they are sent. */
const MOST_DEFLATED = 4_096;

/** FNV-1a, with 32 bits: tells one compressed payload from another. */
const SEED = 0x811c9dc5 | 0;

function addToHash(hash: number, octets: Uint8Array): number {
  for (const octet of octets) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash;
}

/** The trace of one connection. */
export class Tracer {
  /** The `id` of the connection. */
  readonly connection: string;
  readonly #event: TraceFunction;
  readonly #clock: Clock;
  readonly #preview: number;
  readonly #incoming: FrameReader;
  readonly #outgoing: FrameReader;
  /** The frames in `#events` that end a compressed message which has not been inflated. */
  #unknown: { readonly hash: number; readonly event: Told }[] = [];
  /** Messages that have been compressed and not been sent. */
  #deflated: { readonly hash: number; readonly plain: Plain }[] = [];
  /** Events that have not been told: `tell()` calls code that may send, close or trace again. */
  #events: TraceEvent[] = [];
  #stopped = false;
  #state = "open";
  #joined: boolean;

  /**
   * @param connection The `id` of the connection.
   * @param to The function to call, and how much to show.
   * @param clock Tells the time of an event.
   * @param late Whether the connection has been open before.
   */
  constructor(
    connection: string,
    to: TraceFunction | TraceOptions,
    clock: Clock = systemClock,
    late = false,
  ) {
    this.#clock = clock;
    this.#joined = !late;
    this.connection = connection;
    const { event, preview = 64 } = typeof to === "function" ? { event: to } : to;
    this.#event = event;
    this.#preview = preview;
    this.#incoming = new FrameReader(preview);
    this.#outgoing = new FrameReader(preview);
  }

  /** A chunk has come, and the protocol has not changed it yet. */
  received(chunk: Bytes): void {
    for (const { told, endsCompressed, hash } of this.#incoming.read(chunk)) {
      const event: Told = { type: "frame", ...this.#stamp(), direction: "in", ...told };
      this.#tell(event);
      if (endsCompressed) this.#unknown.push({ hash, event });
    }
  }

  /**
   * Whether it reads what comes now. A late tracer passes over the rest of a frame that has begun,
   * of which `input` knows; it waits for the next chunk when a header has begun.
   */
  joins(input: Pick<FrameDecoder, "inHeader" | "remaining">): boolean {
    if (this.#joined) return true;
    if (input.inHeader) return false;
    this.#incoming.skip(input.remaining);
    return this.#joined = true;
  }

  /** It is replaced, or ended: what it has begun to keep is let go. */
  stop(): void {
    this.#stopped = true;
    this.#deflated = [];
  }

  /** The chunk has been processed; `state` is the state of the connection now. */
  turned(state: "open" | "closing" | "closed"): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#tell({ type: "state", ...this.#stamp(), state });
  }

  /** A part of a batch goes to the transport. */
  sent(chunk: Bytes): void {
    for (const { told, endsCompressed, hash } of this.#outgoing.read(chunk)) {
      const plain = endsCompressed ? this.#takeDeflated(hash) : undefined;
      this.#tell({ type: "frame", ...this.#stamp(), direction: "out", ...told, ...plain });
    }
  }

  /** Reports what the peer sent of the opening handshake. */
  handshakeReceived(
    startLine: string,
    fields: Iterable<readonly [name: string, value: string]>,
  ): void {
    const lines = [...fields].map(([name, value]) => `${name}: ${value}`);
    this.#handshake("in", [startLine, ...lines].join("\r\n"));
  }

  /** Reports what this end sent of the opening handshake; a body behind the head is left out. */
  handshakeSent(message: Uint8Array): void {
    this.#handshake("out", new TextDecoder().decode(message).split("\r\n\r\n", 1)[0]!);
  }

  #handshake(direction: "in" | "out", head: string): void {
    const shown = head.trimEnd().replace(SECRET, "$1: …");
    this.#tell({ type: "handshake", ...this.#stamp(), direction, head: shown });
  }

  /** The transform, watched for the sizes of messages that are not compressed. */
  watch(transform: MessageTransform): MessageTransform {
    return {
      threshold: transform.threshold,
      settings: transform.settings,
      encode: (data) => {
        const payload = transform.encode(data);
        if (!this.#stopped) {
          this.#deflated.push({ hash: addToHash(SEED, payload), plain: this.#plain(data) });
          // Those that compression did not make smaller are never taken.
          if (this.#deflated.length > MOST_DEFLATED) this.#deflated.shift();
        }
        return payload;
      },
      encodeApart: (data) => transform.encodeApart(data),
      forget: () => transform.forget(),
      close: () => transform.close(),
      decode: (payload, maxLength) => {
        const plain = transform.decode(payload, maxLength);
        if (typeof plain === "object" && "length" in plain) this.#inflated(payload, plain);
        return plain;
      },
    };
  }

  /** Completes the event of a message. One that waited for its consumer has been reported. */
  #inflated(payload: Uint8Array, data: Uint8Array): void {
    if (this.#unknown.length === 0) return;
    const hash = addToHash(SEED, payload);
    const index = this.#unknown.findIndex((unknown) => unknown.hash === hash);
    if (index >= 0) Object.assign(this.#unknown.splice(index, 1)[0]!.event, this.#plain(data));
  }

  #plain(data: Uint8Array): Plain {
    return { plainSize: data.length, preview: data.slice(0, this.#preview) as Bytes };
  }

  /** A message that compression did not make smaller was sent without it: it is passed over. */
  #takeDeflated(hash: number): Plain | undefined {
    const index = this.#deflated.findIndex((deflated) => deflated.hash === hash);
    return index < 0 ? undefined : this.#deflated.splice(0, index + 1)[index]?.plain;
  }

  #stamp(): { connection: string; time: number } {
    const time = this.#clock.origin + this.#clock.now();
    return { connection: this.connection, time };
  }

  #tell(event: TraceEvent): void {
    this.#events.push(event);
    if (this.#events.length > 1) return;
    queueMicrotask(() => {
      this.#unknown = [];
      for (const told of this.#events.splice(0)) {
        tell(this.#event, told, (error) => console.error(error));
      }
    });
  }
}

/** The frames of one direction. */
class FrameReader {
  readonly #decoder = new FrameDecoder();
  readonly #most: number;
  #inFrame = false;
  /** Whether the message in progress is compressed. */
  #compressed = false;
  /** The preview in pieces, as they came, and its length. */
  #pieces: Bytes[] = [];
  #length = 0;
  #hash = SEED;
  /** Octets of a frame that is not reported. */
  #skipped = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Passes over so many octets. */
  skip(octets: number): void {
    this.#skipped = octets;
  }

  /** The frames that a chunk completes. */
  read(chunk: Bytes): Frame[] {
    const decoder = this.#decoder;
    const frames: Frame[] = [];
    // A copy, because the decoder unmasks it in place.
    decoder.push(chunk.slice(this.#skipped));
    this.#skipped = Math.max(this.#skipped - chunk.length, 0);
    for (;;) {
      if (!this.#inFrame) {
        if (!decoder.readHeader()) return frames;
        this.#inFrame = true;
        this.#pieces = [];
        this.#length = 0;
        const { opcode, reserved } = decoder.header;
        if (opcode < Opcode.close && opcode !== Opcode.continuation) {
          this.#compressed = (reserved & RSV1) !== 0;
          this.#hash = SEED;
        }
      }
      if (!decoder.readPayload()) return frames;
      this.#show();
      if (decoder.remaining > 0) continue;
      this.#inFrame = false;
      frames.push(this.#frame());
    }
  }

  #show(): void {
    const { bytes, start, end, header } = this.#decoder;
    const most = header.opcode < Opcode.close ? this.#most : CONTROL;
    const piece = bytes.slice(start, Math.min(end, start + Math.max(most - this.#length, 0)));
    if (piece.length > 0) this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#compressed && header.opcode < Opcode.close) {
      this.#hash = addToHash(this.#hash, bytes.subarray(start, end));
    }
  }

  #frame(): Frame {
    const { opcode, fin, reserved, payloadLength: size } = this.#decoder.header;
    const rsv1 = (reserved & RSV1) !== 0;
    const compressed = this.#compressed && opcode < Opcode.close;
    const preview = compressed ? new Uint8Array() : concat(this.#pieces);
    const told = { opcode, fin, rsv1, size, preview };
    return { told, endsCompressed: compressed && fin, hash: this.#hash };
  }
}
