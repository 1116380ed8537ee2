// One open connection to the end under test, for either role of the suite.
//
// 1. What arrives is judged as it arrives: a frame that breaks RFC 6455 or 7692 is an event of its own,
//    and nothing behind it is read.
// 2. Pings of the other end are answered and otherwise not seen; a heartbeat must not spoil a case.
// 3. Every case has one deadline, an event like the others. It is the only clock besides
//    `next(limit)`, which no endpoint that behaves runs into.

import { Buffer, isUtf8 } from "node:buffer";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import type { Role } from "./case.ts";
import { encodeFrame, type Frame, FrameReader, type FrameSpec, Opcode } from "./codec.ts";
import { Compressor, Decompressor } from "./deflate.ts";
import type { Agreement } from "./extension.ts";
import { Log, nameOf } from "./log.ts";

/** A message that came. */
export interface Message {
  readonly type: "message";
  readonly opcode: number;
  readonly payload: Buffer;
  /** Whether RSV1 was set on its first frame. */
  readonly compressed: boolean;
  /** The masking key of its first frame. */
  readonly key: Buffer | undefined;
}

/** What can come from the other end. */
export type PeerEvent =
  | Message
  | { readonly type: "pong"; readonly payload: Buffer }
  | { readonly type: "close"; readonly code: number | undefined; readonly reason: string }
  /** The other end has ended TCP. */
  | { readonly type: "end" }
  /** The other end broke the protocol. */
  | { readonly type: "violation"; readonly reason: string }
  /** `next()` has run into its limit, or the case into its deadline. */
  | { readonly type: "timeout" };

/** How to cut what is sent: into writes of so many octets, or one write for each frame. */
export type Chop = number | "frames" | undefined;

/** One open connection to the end under test. */
export class Peer {
  /** Which end is under test. */
  readonly under: Role;
  /** The compression that was agreed to; undefined for none. */
  readonly agreement: Agreement | undefined;
  /** What has been seen, in words. */
  readonly log: Log = new Log();

  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #compressor: Compressor | undefined;
  readonly #decompressor: Decompressor | undefined;
  readonly #events: PeerEvent[] = [];
  readonly #deadline: ReturnType<typeof setTimeout>;
  #waiting: ((event: PeerEvent | undefined) => void) | undefined;
  #finished = false;
  /** Frames of the message in progress. */
  #frames: Frame[] = [];

  constructor(
    socket: Socket,
    under: Role,
    options: { agreement?: Agreement | undefined; timeout: number },
  ) {
    this.#socket = socket;
    this.under = under;
    this.agreement = options.agreement;
    const { agreement } = this;
    if (agreement !== undefined) {
      this.#compressor = new Compressor(under === "server" ? agreement.client : agreement.server);
      this.#decompressor = new Decompressor(
        under === "server" ? agreement.server : agreement.client,
      );
    }
    this.#deadline = setTimeout(() => this.#finish({ type: "timeout" }), options.timeout);
    socket.on("data", (chunk: Buffer) => this.receive(chunk));
    socket.on("end", () => this.#finish({ type: "end" }));
    // A reset ends the connection as well; which of the two it was is nothing the RFC speaks of.
    socket.on("error", () => this.#finish({ type: "end" }));
    socket.on("close", () => this.#finish({ type: "end" }));
  }

  /** Whether nothing more will come. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Octets that wait to be written. */
  get buffered(): number {
    return this.#socket.writableLength;
  }

  /** Takes bytes that came. */
  receive(chunk: Buffer): void {
    if (this.#finished) return;
    this.#reader.push(chunk);
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      const violation = this.#judge(frame) ?? this.#accept(frame);
      if (violation !== undefined) return this.#finish({ type: "violation", reason: violation });
    }
  }

  /** The frame as bytes, masked as the suite's role wants it. */
  encode(frame: FrameSpec): Buffer {
    return encodeFrame(frame, this.under === "server");
  }

  /** Sends frames, in one write unless they are to be cut. Stops when the other end has ended TCP. */
  async send(frames: readonly FrameSpec[], chop?: Chop): Promise<void> {
    const encoded = frames.map((frame) => this.encode(frame));
    if (chop === "frames") await this.#writeAll(encoded);
    else await this.write(Buffer.concat(encoded), chop);
  }

  /** Sends bytes, in one write unless they are to be cut. */
  async write(bytes: Buffer, chop: number = Infinity): Promise<void> {
    const pieces: Buffer[] = [];
    if (chop >= bytes.length) pieces.push(bytes);
    else for (let at = 0; at < bytes.length; at += chop) pieces.push(bytes.subarray(at, at + chop));
    await this.#writeAll(pieces);
  }

  /** Compresses a message with the context of this connection. */
  compress(plain: Buffer): Buffer {
    if (this.#compressor === undefined) throw new Error("No compression was agreed to");
    return this.#compressor.compress(plain);
  }

  /** Compresses messages that repeat; see `Compressor`. */
  compressCycle(plain: readonly Buffer[], count: number): Buffer[] {
    if (this.#compressor === undefined) throw new Error("No compression was agreed to");
    return this.#compressor.compressCycle(plain, count);
  }

  /** The next event, or a timeout after `limit` milliseconds. */
  next(limit?: number): Promise<PeerEvent> {
    const event = this.#events[0];
    if (event !== undefined) {
      // The end of the connection stays, for whoever asks again.
      if (this.#events.length > 1 || !this.#finished) this.#events.shift();
      return Promise.resolve(event);
    }
    return new Promise((resolve) => {
      const timer = limit === undefined
        ? undefined
        : setTimeout(() => this.#waiting?.(undefined), limit);
      this.#waiting = (arrived) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(arrived === undefined ? { type: "timeout" } : this.#eventNow());
      };
    });
  }

  /** Like `next()`, but the event stays. */
  async peek(limit?: number): Promise<PeerEvent> {
    const event = this.#events[0] ?? await this.next(limit);
    if (event.type !== "timeout" && this.#events[0] !== event) this.#events.unshift(event);
    return event;
  }

  /** Ends TCP on this side. */
  end(): void {
    this.#socket.end();
  }

  /** Lets go of the connection. */
  destroy(): void {
    clearTimeout(this.#deadline);
    this.#finished = true;
    this.#socket.destroy();
  }

  #eventNow(): PeerEvent {
    const event = this.#events[0] ?? { type: "end" };
    if (this.#events.length > 1 || !this.#finished) this.#events.shift();
    return event;
  }

  async #writeAll(pieces: readonly Buffer[]): Promise<void> {
    for (const piece of pieces) {
      if (this.#finished || this.#socket.destroyed) return;
      this.#socket.write(piece);
      // A turn of the event loop between two writes keeps them apart, and reads what has come.
      if (pieces.length > 1) await setImmediate();
      while (this.#socket.writableNeedDrain && !this.#finished) await setImmediate();
    }
  }

  #finish(event: PeerEvent): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#deadline);
    if (event.type === "end") this.log.add("TCP ended");
    else if (event.type === "violation") this.log.add(event.reason);
    this.#emit(event);
  }

  #emit(event: PeerEvent): void {
    this.#events.push(event);
    this.#waiting?.(event);
  }

  /** What is wrong with a frame by itself (RFC 6455 sections 5.1, 5.2, 5.5; RFC 7692 section 6). */
  #judge(frame: Frame): string | undefined {
    const { opcode, fin, rsv, payload } = frame;
    if ((frame.key !== undefined) !== (this.under === "client")) {
      return frame.key === undefined ? "sent a frame without a mask" : "sent a frame with a mask";
    }
    if (!frame.minimal) return "sent a length that is not in its shortest form";
    if (nameOf(opcode) === undefined) return `sent opcode ${opcode}`;
    if (opcode >= Opcode.close) {
      if (!fin) return "sent a control frame in fragments";
      if (payload.length > 125) return "sent a control frame of more than 125 octets";
      if (rsv !== 0) return "sent a control frame with a reserved bit";
      return undefined;
    }
    if ((rsv & 3) !== 0) return "sent RSV2 or RSV3";
    if (rsv === 4 && this.#decompressor === undefined) return "sent RSV1 without an extension";
    if (rsv === 4 && opcode === Opcode.continuation) return "sent RSV1 on a continuation frame";
    if ((opcode === Opcode.continuation) !== this.#frames.length > 0) {
      return opcode === Opcode.continuation
        ? "sent a continuation frame with nothing to continue"
        : "sent a new message inside another";
    }
    return undefined;
  }

  #accept(frame: Frame): string | undefined {
    const { opcode, payload } = frame;
    if (opcode === Opcode.ping) {
      if (!this.#socket.writableEnded) {
        this.#socket.write(this.encode({ opcode: Opcode.pong, payload }));
      }
    } else if (opcode === Opcode.pong) {
      this.log.add(`Pong of ${payload.length} octets`);
      this.#emit({ type: "pong", payload });
    } else if (opcode === Opcode.close) return this.#acceptClose(payload);
    else {
      this.#frames.push(frame);
      if (frame.fin) return this.#acceptMessage();
    }
    return undefined;
  }

  #acceptMessage(): string | undefined {
    const frames = this.#frames;
    const first = frames[0]!;
    this.#frames = [];
    const raw = frames.length === 1 ? first.payload : Buffer.concat(frames.map((f) => f.payload));
    const compressed = first.rsv === 4;
    let payload = raw;
    if (compressed) {
      try {
        payload = this.#decompressor!.decompress(raw);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return `sent a compressed message that cannot be inflated (${why})`;
      }
    }
    const { opcode, key } = first;
    this.log.add(
      `${nameOf(opcode)} of ${payload.length} octets${compressed ? ", compressed" : ""}`,
    );
    if (opcode === Opcode.text && !isUtf8(payload)) return "sent text that is not UTF-8";
    this.#emit({ type: "message", opcode, payload, compressed, key });
    return undefined;
  }

  #acceptClose(body: Buffer): string | undefined {
    if (body.length === 1) return "sent a Close frame with a body of 1 octet";
    const code = body.length === 0 ? undefined : body.readUInt16BE(0);
    const text = body.subarray(2);
    this.log.add(`Close${code === undefined ? "" : ` ${code}`}${text.length ? ` (${text})` : ""}`);
    if (!isUtf8(text)) return "sent a Close reason that is not UTF-8";
    this.#emit({ type: "close", code, reason: text.toString("utf8") });
    return undefined;
  }
}
