// A WebSocket of a runtime's own engine as a Transport, so that a connection on it is one like any
// other: the same class, the same hooks, the same order.
//
// 1. The engine reads frames and gives messages. This transport puts them into frames again, masked
//    with a key of zeros, which changes no octet. It also decodes what our end writes, and gives
//    the engine one message at a time.
// 2. The engine answers Pings and closes itself. So a Pong that our end writes is one that the
//    application sends.
// 3. The engine cannot be paused. What comes while our end takes nothing is kept, up to a bound;
//    above it the connection is dropped.

import { type Bytes, concat, EMPTY, put } from "../util/bytes.ts";
import {
  CloseCode,
  decodeCloseBody,
  encodeCloseBody,
  isWireCloseCode,
} from "../protocol/close_frame.ts";
import { FrameDecoder } from "../protocol/frame_decoder.ts";
import { FIN, headerLength, Opcode, writeHeader } from "../protocol/frame_header.ts";
import type { Address, Transport, TransportSink } from "../transport/transport.ts";
import { decodeUtf8, encodeUtf8 } from "../util/utf8.ts";

/**
 * Why a close that our end began is not clean, where the engine does not report whether the peer
 * has sent a Close frame.
 */
export const ANSWER_UNKNOWN: string = "Whether the peer answered the Close frame is not known: " +
  "the runtime's engine does not tell";

/** What a runtime's own WebSocket can do. */
export interface NativeSocket {
  /**
   * Sends a message; false when it waits in the engine, and `NativeTransport.drained()` will
   * follow.
   */
  send(data: string | Bytes): boolean;
  /**
   * Sends a Ping. An engine without it checks on the peer by itself: each Ping counts as answered.
   */
  readonly ping?: (payload: Bytes) => void;
  /** Sends a Pong that answers no Ping. Without it there is none. */
  readonly pong?: (payload: Bytes) => void;
  /** Starts the closing handshake; no code for a Close frame that says nothing. */
  close(code: number | undefined, reason: string): void;
  /** Drops the connection, or comes as near to that as the engine can. */
  terminate(): void;
  /** Octets that wait to be sent. */
  readonly bufferedAmount: number;
}

const unowned: TransportSink = { data() {}, end() {}, drain() {}, closed() {} };

/** A {@linkcode NativeSocket} as a byte stream. */
export class NativeTransport implements Transport {
  sink: TransportSink = unowned;
  readonly remoteAddress: Address | undefined;
  /** The engines do not report it. */
  readonly localAddress: undefined;
  readonly answersClose = true;
  readonly #socket: NativeSocket;
  readonly #maxWaiting: number;
  readonly #decoder = new FrameDecoder();
  #opcode = 0;
  #pieces: Bytes[] = [];
  /**
   * The payload of a control frame, which may stand between the fragments of a message (RFC 6455
   * section 5.4).
   */
  #controlPieces: Bytes[] = [];
  /** Frames that wait for our end to read. */
  #waiting: Bytes[] = [];
  #waitingSize = 0;
  #paused = true;
  #scheduled = false;
  /** The engine's connection has ended. */
  #over = false;
  /** Our end has ended. */
  #ended = false;
  /** Octets that the engine has dropped. */
  #lost = 0;
  #told = false;
  #error: Error | undefined;

  /**
   * Wraps an open socket.
   *
   * @param maxWaiting Octets that may come while our end takes none.
   */
  constructor(socket: NativeSocket, remoteAddress: Address | undefined, maxWaiting: number) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.#maxWaiting = maxWaiting;
  }

  get bufferedAmount(): number {
    return this.#over ? this.#lost : this.#socket.bufferedAmount;
  }

  write(chunk: Bytes): boolean {
    if (this.#over) this.#lost += chunk.length;
    if (this.#over || this.#ended) return true;
    const decoder = this.#decoder;
    let sent = true;
    decoder.push(chunk);
    while (!decoder.empty || decoder.remaining > 0) {
      if (decoder.remaining === 0 && !decoder.readHeader()) break;
      if (!decoder.readPayload()) break;
      if (decoder.end > decoder.start) {
        const piece = decoder.bytes.subarray(decoder.start, decoder.end);
        const isControl = decoder.header.opcode >= Opcode.close;
        (isControl ? this.#controlPieces : this.#pieces).push(piece);
      }
      if (decoder.remaining === 0 && !this.#frame()) sent = false;
    }
    return sent;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#waiting.length > 0 || this.#over) this.#deliverSoon();
  }

  end(): void {
    this.#ended = true;
    if (this.#over) this.#deliverSoon();
  }

  destroy(): void {
    const over = this.#over;
    this.#lost = this.bufferedAmount;
    // Set first, because an engine may report the end before `terminate()` returns.
    this.#over = this.#ended = true;
    if (!over) this.#socket.terminate();
    this.#drop();
    this.#deliverSoon();
  }

  /** The engine has a message. */
  message(data: string | Uint8Array): void {
    const text = typeof data === "string";
    this.#receive(text ? Opcode.text : Opcode.binary, text ? encodeUtf8(data) : data);
  }

  /** The engine has a Ping, which it has answered. */
  pinged(payload: Uint8Array): void {
    this.#receive(Opcode.ping, payload);
  }

  /** The engine has a Pong. */
  ponged(payload: Uint8Array): void {
    this.#receive(Opcode.pong, payload);
  }

  /** What waited in the engine has left. */
  drained(): void {
    if (!this.#over) this.sink.drain();
  }

  /**
   * The engine's connection has ended; 1005 means a Close frame without a code, 1006 no Close
   * frame.
   */
  closed(code: number, reason: string, error?: Error): void {
    if (this.#over) return;
    // Deno says 0 where there was no Close frame.
    if (code === CloseCode.noStatus) this.#receive(Opcode.close, EMPTY);
    else if (isWireCloseCode(code)) this.#receive(Opcode.close, encodeCloseBody(code, reason));
    this.#lost = this.bufferedAmount;
    this.#over = true;
    this.#error ??= error;
    this.#deliver();
  }

  /** Gives a whole frame of our end to the engine; false when it has to wait there. */
  #frame(): boolean {
    const { opcode, fin } = this.#decoder.header;
    if (opcode >= Opcode.close) {
      const payload = join(this.#controlPieces);
      this.#controlPieces = [];
      this.#control(opcode, payload);
      return true;
    }
    if (opcode !== Opcode.continuation) this.#opcode = opcode;
    // The engines take whole messages only.
    if (!fin) return true;
    const payload = join(this.#pieces);
    this.#pieces = [];
    return this.#socket.send(
      this.#opcode === Opcode.text ? decodeUtf8(payload, 0, payload.length) ?? "" : payload,
    );
  }

  #control(opcode: number, payload: Bytes): void {
    if (opcode === Opcode.close) {
      const status = decodeCloseBody(payload);
      if (typeof status === "number" || status.code === CloseCode.noStatus) {
        this.#socket.close(undefined, "");
      } else this.#socket.close(status.code, status.reason);
    } else if (opcode === Opcode.ping) {
      if (this.#socket.ping !== undefined) this.#socket.ping(payload);
      else {
        this.#wait(frame(Opcode.pong, payload));
        this.#deliverSoon();
      }
    } else this.#socket.pong?.(payload);
  }

  #receive(opcode: number, payload: Uint8Array): void {
    if (this.#over) return;
    this.#wait(frame(opcode, payload));
    if (!this.#paused) this.#deliver();
    else if (this.#waitingSize > this.#maxWaiting) {
      this.#error = new Error(
        `More than ${this.#maxWaiting} octets (maxBufferedAmount) came that were not taken`,
      );
      this.destroy();
    }
  }

  #wait(bytes: Bytes): void {
    this.#waiting.push(bytes);
    this.#waitingSize += bytes.length;
  }

  #drop(): void {
    this.#waiting = [];
    this.#waitingSize = 0;
  }

  /** Delivers in a microtask: a method that our end calls must not call back before it returns. */
  #deliverSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (!this.#paused && this.#waiting.length > 0) {
      const next = this.#waiting.shift()!;
      this.#waitingSize -= next.length;
      this.sink.data(next);
    }
    if (!this.#over || this.#told || this.sink === unowned) return;
    this.#told = true;
    // The end is reported at once, with what our end has not read, unless our end has given the
    // connection up.
    const rest = this.#ended ? EMPTY : join(this.#waiting);
    this.#drop();
    this.sink.closed(this.#error, rest);
  }
}

function join(pieces: readonly Bytes[]): Bytes {
  return pieces.length === 1 ? pieces[0]! : concat(pieces);
}

function frame(opcode: number, payload: Uint8Array): Bytes {
  const offset = headerLength(payload.length, true);
  const bytes = new Uint8Array(offset + payload.length);
  writeHeader(bytes, 0, FIN | opcode, payload.length, 0);
  put(payload, bytes, offset);
  return bytes;
}
