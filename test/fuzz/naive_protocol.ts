// What a connection makes of all the bytes that a peer sends, read in one go and without src/: RFC 6455 sections 5 to 8
// as a list of rules. Nothing here is incremental, so nothing here can depend on how the bytes were cut.

import { encodeHex } from "@std/encoding";
import { inflateNaively } from "./naive_inflate.ts";
import { decodeNaively, judgeUtf8 } from "./naive_utf8.ts";

/** A connection to read for. */
export interface Setting {
  /** Which end reads. */
  readonly role: "client" | "server";
  /** The limits. */
  readonly maxMessageSize: number;
  /** The limits. */
  readonly maxFragments: number;
  /** Whether this end has sent a Close frame before. */
  readonly closing: boolean;
  /** Whether the transport takes nothing: of the Pongs, only the newest is kept. */
  readonly congested: boolean;
  /** permessage-deflate, as this end receives. */
  readonly compression?: {
    /** Whether the window outlives a message. */
    readonly takeover: boolean;
    /** The size of the window. */
    readonly windowBits: number;
  };
}

/** What there is to see of the connection. */
export interface Reading {
  /** Messages, Pings and Pongs as lines such as "text Hello" or "ping 01"; "close" ends them. */
  readonly events: readonly string[];
  /** Frames written, as lines such as "8a 01"; a Close frame without its reason. */
  readonly written: readonly string[];
  /** Where the connection stands. */
  readonly state: "open" | "closing" | "discarding";
  /** The close codes that may fail the connection; empty when it did not fail. */
  readonly failure: readonly number[];
}

interface Message {
  readonly text: boolean;
  readonly compressed: boolean;
  readonly payload: number[];
  frames: number;
  declared: bigint;
}

class Failure {
  readonly codes: readonly number[];
  constructor(...codes: readonly number[]) {
    this.codes = codes;
  }
}

/** Close codes that a peer may send (section 7.4 and the IANA registry). */
export function mayBeReceived(code: number): boolean {
  return [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].includes(code) ||
    (code >= 3000 && code <= 4999);
}

/** Reads a stream. */
export function readStream(bytes: Uint8Array, setting: Setting): Reading {
  const reader = new StreamReader(bytes, setting);
  try {
    while (reader.frame());
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    reader.fail(error.codes);
  }
  return reader;
}

class StreamReader implements Reading {
  readonly events: string[] = [];
  readonly written: string[] = [];
  state: "open" | "closing" | "discarding";
  failure: readonly number[] = [];

  readonly #bytes: Uint8Array;
  readonly #setting: Setting;
  #at = 0;
  #message: Message | undefined;
  #history = new Uint8Array();
  #newestPong: string | undefined;

  constructor(bytes: Uint8Array, setting: Setting) {
    this.#bytes = bytes;
    this.#setting = setting;
    this.state = setting.closing ? "closing" : "open";
  }

  /** Reads one frame; false when it has not come to its end, or none may follow. */
  frame(): boolean {
    const { role, compression } = this.#setting;
    const [first, second] = this.#bytes.subarray(this.#at);
    if (this.state === "discarding" || first === undefined || second === undefined) return false;
    const [fin, reserved, opcode] = [first >= 128, (first >> 4) % 8, first % 16];
    const [masked, form] = [second >= 128, second % 128];
    const lengthOctets = form === 126 ? 2 : form === 127 ? 8 : 0;
    const start = this.#at + 2 + lengthOctets + (masked ? 4 : 0);
    if (start > this.#bytes.length) return false;
    let length = BigInt(form);
    if (lengthOctets > 0) {
      const octets = this.#bytes.subarray(this.#at + 2, this.#at + 2 + lengthOctets);
      length = BigInt(`0x${encodeHex(octets)}`);
    }

    const control = opcode >= 8;
    const begins = opcode === 1 || opcode === 2;
    const compressed = begins && compression !== undefined && reserved === 4;
    const broken = [
      reserved !== 0 && !compressed,
      ![0, 1, 2, 8, 9, 10].includes(opcode),
      masked !== (role === "server"),
      control && (!fin || length > 125n),
      opcode === 0 && this.#message === undefined,
      begins && this.#message !== undefined,
      lengthOctets === 2 && length < 126n,
      lengthOctets === 8 && (length < 65536n || length >= 2n ** 63n),
    ];
    if (broken.includes(true)) throw new Failure(1002);
    if (length >= 2n ** 53n) throw new Failure(1009);
    if (!control) this.#count(opcode, compressed, length);

    const key = masked ? this.#bytes.subarray(start - 4, start) : new Uint8Array(4);
    const end = start + Number(length);
    const complete = end <= this.#bytes.length;
    const payload = this.#bytes.slice(start, end).map((octet, i) => octet ^ key[i % 4]!);
    if (control) {
      if (complete) this.#control(opcode, payload);
    } else this.#data(payload, complete && fin);
    this.#at = end;
    return complete;
  }

  fail(codes: readonly number[]): void {
    this.failure = codes;
    this.#writeClose(`03${(codes[0]! & 255).toString(16)}`);
    this.events.push("close");
    this.state = "discarding";
  }

  /** The limits, which hold for what a header declares. */
  #count(opcode: number, compressed: boolean, length: bigint): void {
    const { maxMessageSize, maxFragments } = this.#setting;
    this.#message ??= { text: opcode === 1, compressed, payload: [], frames: 0, declared: 0n };
    const message = this.#message;
    message.frames++;
    message.declared += length;
    // What cannot be compressed grows, with zlib by an eighth at most.
    const slack = message.compressed ? Math.ceil(maxMessageSize / 7) + 64 : 0;
    if (message.declared > maxMessageSize + slack) throw new Failure(1009);
    if (message.frames > maxFragments) throw new Failure(1009);
  }

  #data(payload: Uint8Array, last: boolean): void {
    const message = this.#message!;
    for (const octet of payload) message.payload.push(octet);
    if (last) this.#message = undefined;
    if (this.state !== "open") return;
    const octets = Uint8Array.from(message.payload);
    if (!message.compressed) return this.#deliver(message.text, octets, last);
    if (last) this.#deliver(message.text, this.#inflate(octets), true);
  }

  #inflate(payload: Uint8Array): Uint8Array {
    const { maxMessageSize, compression } = this.#setting;
    const { takeover, windowBits } = compression!;
    const { plain, faults } = inflateNaively(payload, this.#history, maxMessageSize);
    if (faults.length > 0) throw new Failure(...faults.map((f) => f === "invalid" ? 1007 : 1009));
    if (takeover) {
      this.#history = Uint8Array.from([...this.#history, ...plain]).slice(-(2 ** windowBits));
    }
    return plain;
  }

  #deliver(text: boolean, octets: Uint8Array, last: boolean): void {
    const judged = text ? judgeUtf8(octets) : "complete";
    if (typeof judged === "number" || (last && judged !== "complete")) throw new Failure(1007);
    if (!last) return;
    this.events.push(text ? `text ${decodeNaively(octets)}` : `binary ${encodeHex(octets)}`);
  }

  #control(opcode: number, payload: Uint8Array): void {
    if (opcode === 8) return this.#close(payload);
    const hex = encodeHex(payload);
    this.events.push(`${opcode === 9 ? "ping" : "pong"} ${hex}`);
    if (opcode === 10) return;
    this.#newestPong = `8a ${hex}`;
    if (!this.#setting.congested) this.#writePong();
  }

  #close(body: Uint8Array): void {
    const [high, low] = body;
    if (body.length === 1) throw new Failure(1002);
    if (high !== undefined && low !== undefined) {
      if (!mayBeReceived(high * 256 + low)) throw new Failure(1002);
      if (judgeUtf8(body.slice(2)) !== "complete") throw new Failure(1007);
    }
    this.#writeClose(encodeHex(body.slice(0, 2)));
    this.events.push("close");
    this.state = "discarding";
  }

  /** Only the first Close frame of an end is sent (section 5.5.1). */
  #writeClose(code: string): void {
    if (this.state !== "open") return;
    this.#writePong();
    this.written.push(`88 ${code}`);
  }

  #writePong(): void {
    if (this.#newestPong !== undefined) this.written.push(this.#newestPong);
    this.#newestPong = undefined;
  }
}
