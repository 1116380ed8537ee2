// One connection of the generator: the handshake, then messages of the train.

import {
  type Bytes,
  type ClientHandshake,
  createRequest,
  createResponseParser,
  FrameEncoder,
  HeadParser,
  judgeResponse,
  Opcode,
  parseUrl,
  type ResponseHead,
} from "../../src/core.ts";
import { createCompression, judgeCompression } from "../../src/deflate/compression.ts";
import { offerDeflate } from "../../src/deflate/negotiation.ts";
import type { PerMessageDeflate } from "../../src/deflate/permessage.ts";
import { zlibBackend } from "../../runtimes/shared/zlib.ts";
import type { Job } from "../job.ts";
import { Replies } from "./replies.ts";
import { dial, type Socket, type SocketOwner } from "./socket.ts";
import { takeAll, type Trains } from "./train.ts";

/** What a mode does with its connections. */
export interface Driver {
  /** The handshake is done. */
  opened(connection: Connection): void;
  /** So many messages have come back as they should, now. */
  replied(connection: Connection, messages: number, now: number): void;
  /** The connection has ended. */
  ended(connection: Connection): void;
  /** What must not happen has happened. */
  failed(error: Error): void;
}

const compression = createCompression(true, zlibBackend)!;
const offers = [offerDeflate(compression.options)];

/** A connection to the server that is measured. */
export class Connection implements SocketOwner {
  /** Messages received. */
  messages = 0;
  /** Whether we are closing, so that the end is no failure. */
  closing = false;
  /** When the connection was asked for. */
  readonly started: number = performance.now();

  readonly #job: Job;
  readonly #driver: Driver;
  readonly #trains: Trains;
  #socket: Socket | undefined;
  #handshake: ClientHandshake | undefined;
  #parser: HeadParser<ResponseHead> | undefined;
  #replies: Replies | undefined;
  /** When messages in flight were sent: a ring of times and how many went then. */
  readonly #sentAt: Float64Array;
  readonly #sentCount: Uint32Array;
  #oldest = 0;
  #newest = 0;
  /** Output: messages still to be sent, the message under way, and how much of it has left. */
  #queued = 0;
  #variant = 0;
  #offset = 0;
  /** A control frame that waits for the end of the frame under way. */
  #control: Bytes | undefined;

  /** Starts to connect. */
  constructor(job: Job, trains: Trains, driver: Driver) {
    this.#job = job;
    this.#trains = trains;
    this.#driver = driver;
    this.#sentAt = new Float64Array(job.scenario.depth + 1);
    this.#sentCount = new Uint32Array(job.scenario.depth + 1);
    dial(job.port, this, job.scenario.shape === "tls");
  }

  /** Connected: the handshake. */
  opened(socket: Socket): void {
    this.#socket = socket;
    if (this.#job.raw) {
      this.#replies = new Replies(this.#trains, true, this);
      this.#driver.opened(this);
      return;
    }
    const { port, scenario } = this.#job;
    const extensions = scenario.compressed ? offers : [];
    const url = parseUrl(`ws://127.0.0.1:${port}/`);
    this.#handshake = createRequest(url, { protocols: [], headers: [], extensions });
    this.#parser = createResponseParser();
    socket.write(this.#handshake.bytes);
  }

  /** Bytes: of the handshake's response, or replies. */
  received(chunk: Buffer<ArrayBuffer>): void {
    if (this.#replies === undefined) {
      this.#respond(chunk).catch((error: Error) => this.#driver.failed(error));
      return;
    }
    const now = performance.now();
    try {
      const messages = this.#replies.push(chunk);
      this.messages += messages;
      if (messages > 0) this.#driver.replied(this, messages, now);
    } catch (error) {
      this.#driver.failed(error as Error);
    }
  }

  async #respond(chunk: Buffer<ArrayBuffer>): Promise<void> {
    const result = this.#parser!.push(chunk);
    if (result === undefined) return;
    if ("fault" in result) throw new Error(result.fault.reason);
    const extensions = this.#job.scenario.compressed ? offers : [];
    const { key } = this.#handshake!;
    const verdict = await judgeResponse(result.head, key, { protocols: [], extensions });
    if ("reason" in verdict) throw new Error(verdict.reason);
    let inflate: PerMessageDeflate | undefined;
    if (this.#job.scenario.compressed) {
      const judged = judgeCompression(compression, verdict.extensions);
      if ("reason" in judged) throw new Error(judged.reason);
      inflate = judged.transform;
      if (inflate === undefined) throw new Error("The server does not compress");
    }
    this.#handshake = this.#parser = undefined;
    this.#replies = new Replies(this.#trains, false, this, inflate);
    this.#driver.opened(this);
    if (result.rest.length > 0) this.received(Buffer.from(result.rest));
  }

  /** Sends the next messages of the train. */
  send(messages: number, now: number): void {
    const size = this.#sentAt.length;
    this.#sentAt[this.#newest] = now;
    this.#sentCount[this.#newest] = messages;
    this.#newest = (this.#newest + 1) % size;
    this.#queued += messages;
    this.#flush();
  }

  /** Takes the oldest messages off those in flight; `each` is told how many were sent when. */
  settle(messages: number, each: (sentAt: number, count: number) => void): void {
    for (let left = messages; left > 0;) {
      if (this.#oldest === this.#newest) throw new Error("A reply came that nothing was sent for");
      const waiting = this.#sentCount[this.#oldest]!;
      const count = Math.min(waiting, left);
      each(this.#sentAt[this.#oldest]!, count);
      left -= count;
      this.#sentCount[this.#oldest] = waiting - count;
      if (count === waiting) this.#oldest = (this.#oldest + 1) % this.#sentAt.length;
    }
  }

  #flush(): void {
    const { outgoing: { bytes, starts }, count } = this.#trains;
    while (this.#queued > 0) {
      if (this.#control !== undefined && this.#offset === 0) this.#writeControl();
      const start = starts[this.#variant]! + this.#offset;
      const end = starts[this.#variant + (this.#control === undefined ? this.#queued : 1)]!;
      const written = this.#socket!.write(bytes, start, end - start);
      if (written < 0) return;
      const position = start + written;
      while (this.#queued > 0 && starts[this.#variant + 1]! <= position) {
        this.#variant++;
        this.#queued--;
      }
      this.#offset = position - starts[this.#variant]!;
      this.#variant %= count;
      if (position < end) return;
    }
    if (this.#control !== undefined) this.#writeControl();
  }

  #writeControl(): void {
    this.#socket!.write(this.#control!);
    this.#control = undefined;
  }

  /** There is room to write again. */
  drained(): void {
    this.#flush();
  }

  /** Answers a Ping. */
  pong(payload: Bytes): void {
    this.#control = controlFrame(Opcode.pong, payload);
    this.#flush();
  }

  /** A Close frame: the answer to ours, or an error. */
  closed(payload: Bytes): void {
    if (this.closing) return;
    const code = payload.length < 2 ? "no code" : (payload[0]! << 8) | payload[1]!;
    this.#driver.failed(new Error(`The server has closed with ${code}`));
  }

  /** Starts the closing handshake; the server ends TCP. */
  close(): void {
    this.closing = true;
    this.#socket!.write(closeFrame);
  }

  /** Drops the connection. */
  drop(): void {
    this.closing = true;
    this.#socket?.terminate();
  }

  /** The connection has ended. */
  ended(error?: Error): void {
    if (!this.closing) {
      this.#driver.failed(error ?? new Error("The server has ended a connection"));
    } else this.#driver.ended(this);
  }
}

function controlFrame(opcode: number, payload: Bytes): Bytes {
  const encoder = new FrameEncoder(true);
  encoder.binary(opcode, payload);
  return takeAll(encoder);
}

const closeFrame = controlFrame(Opcode.close, new Uint8Array([0x03, 0xe8]));
