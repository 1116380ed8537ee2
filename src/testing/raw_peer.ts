// One end of a byte stream on which a test sends and expects octets and frames by hand. What reads
// is in raw_reader.ts.

import type { CloseStatus } from "../protocol/close_frame.ts";
import { decodeCloseBody, readCloseCode } from "../protocol/close_frame.ts";
import { Opcode } from "../protocol/frame_header.ts";
import type { Transport } from "../transport/transport.ts";
import { type BinaryData, type Bytes, copyBytes } from "../util/bytes.ts";
import { checkOptions, kind, number, type OptionTable } from "../util/check_options.ts";
import { flag, text } from "../util/check_options.ts";
import type { Clock } from "../util/clock.ts";
import type { AsyncDisposal } from "../util/platform.ts";
import { isBytes } from "../util/brands.ts";
import { AssertionError, frameLine, hex, octetsDiffer, octetsOf } from "./assertion.ts";
import { describeClose, type ExpectedClose } from "./expect.ts";
import type { Side } from "./link.ts";
import {
  encodeRawFrame,
  lineOf,
  RAW_FRAME,
  type RawFrame,
  readRawFrame,
  type ReceivedFrame,
} from "./raw_frame.ts";
import { RawReader, toText } from "./raw_reader.ts";
import type { WaitOptions } from "./timeout.ts";

/** What a frame has to be; what is left out may be anything. */
export interface ExpectedFrame {
  /** The opcode. */
  readonly opcode?: number | undefined;
  /** The payload, unmasked; a string is encoded as UTF-8. */
  readonly payload?: string | BinaryData | undefined;
  /** Whether it is the last of its message. */
  readonly fin?: boolean | undefined;
  /** The first reserved bit. */
  readonly rsv1?: boolean | undefined;
  /** The second one. */
  readonly rsv2?: boolean | undefined;
  /** The third one. */
  readonly rsv3?: boolean | undefined;
  /** Whether it is masked. */
  readonly masked?: boolean | undefined;
}

const EXPECTED_FRAME: OptionTable<ExpectedFrame> = {
  opcode: number("", { least: 0, most: 15 }),
  payload: kind("a string or bytes", (value) => typeof value === "string" || isBytes(value)),
  fin: flag,
  rsv1: flag,
  rsv2: flag,
  rsv3: flag,
  masked: flag,
};

const EXPECTED_CLOSE: OptionTable<ExpectedClose> = {
  code: number("", { least: 0, most: 65_535 }),
  reason: text,
};

const OCTETS: OptionTable<{ readonly octets: number }> = {
  octets: number("", { least: 0, most: Number.MAX_SAFE_INTEGER }),
};

/** The longest head that is read. */
const LONGEST_HEAD = 65_536;

/** Makes a raw peer; `reset` resets its connection. */
export let createRawPeer: (transport: Transport, side: Side, reset: () => void) => RawPeer;

/** The clock of a raw peer's network. */
export let clockOf: (peer: RawPeer) => Clock | undefined;

/**
 * One end of a byte stream in memory, on which a test sends and expects octets and frames by hand;
 * made by `raw()` and `rawServer()` of a network. Each wait takes 1,000 ms, or `timeout`, and then
 * rejects with an {@linkcode AssertionError} that shows what came instead.
 */
export class RawPeer {
  static {
    createRawPeer = (transport, side, reset) => new RawPeer(transport, side, reset);
    clockOf = (peer) => peer.#transport.clock;
    Object.defineProperty(this.prototype, Symbol.asyncDispose, {
      value(this: RawPeer): Promise<void> {
        this.#transport.destroy();
        return Promise.resolve();
      },
      writable: true,
      configurable: true,
    });
  }

  /** Which end it is. */
  readonly side: Side;
  /** The head that the other end has sent in the opening handshake; empty without one. */
  head = "";
  readonly #transport: Transport;
  readonly #reset: () => void;
  readonly #reader: RawReader;
  /** The call after which this end sends nothing more. */
  #ended: "end()" | "reset()" | undefined;

  /** Made by a network. */
  private constructor(transport: Transport, side: Side, reset: () => void) {
    this.side = side;
    this.#transport = transport;
    this.#reset = reset;
    this.#reader = new RawReader(transport);
  }

  /**
   * Sends octets.
   *
   * @param data Bytes, or a text with one octet for each character, as HTTP has.
   * @throws {TypeError} When a character is above U+00FF, or it is neither.
   * @throws {Error} After `end()` or `reset()`.
   */
  send(data: string | BinaryData): void {
    this.#check("send()");
    this.#transport.write(toOctets(data));
  }

  /**
   * Sends a frame, right or wrong. `send()` sends a part of {@linkcode encodeRawFrame}.
   *
   * @param frame The frame.
   * @throws {TypeError} When a field is unknown or of the wrong kind.
   * @throws {RangeError} When a number is out of its range.
   * @throws {Error} After `end()` or `reset()`.
   */
  sendFrame(frame: RawFrame): void {
    checkOptions("sendFrame()", frame, RAW_FRAME);
    this.#check("sendFrame()");
    this.#transport.write(encodeRawFrame({ ...frame, mask: frame.mask ?? this.side === "client" }));
  }

  /** Ends this end of the stream (FIN), unless it has ended. */
  end(): void {
    this.#ended ??= "end()";
    this.#transport.end();
  }

  /**
   * Resets the connection (RST): the other end loses what it has not read. `end()` may come before.
   *
   * @throws {Error} After `reset()`.
   */
  reset(): void {
    if (this.#ended === "reset()") this.#check("reset()");
    this.#ended = "reset()";
    this.#reset();
  }

  /**
   * Takes octets.
   *
   * @param octets How many.
   * @param options How long to wait.
   * @returns The octets.
   * @throws {TypeError} When it is no number; the promise rejects with it.
   * @throws {RangeError} When it is not a whole number, 0 or more; the promise rejects with it.
   */
  async receiveBytes(octets: number, options: WaitOptions = {}): Promise<Bytes> {
    checkOptions("receiveBytes()", { octets: octets ?? null }, OCTETS);
    const line = `${octets} octets`;
    return await this.#reader.wait("receiveBytes()", line, options, () => {
      return this.#reader.size >= octets ? this.#reader.take(octets) : undefined;
    });
  }

  /**
   * Takes a head of HTTP, to the empty line that ends it.
   *
   * @param options How long to wait.
   * @returns The head, with its line ends.
   */
  receiveHead(options: WaitOptions = {}): Promise<string> {
    return this.#reader.wait("receiveHead()", "a head of HTTP", options, () => {
      const end = toText(this.#reader.joined().subarray(0, LONGEST_HEAD)).indexOf("\r\n\r\n");
      if (end >= 0) return toText(this.#reader.take(end + 4));
      if (this.#reader.size < LONGEST_HEAD) return undefined;
      throw new AssertionError(
        `Expected a head of HTTP of at most ${LONGEST_HEAD} octets, got ${this.#reader.shown()}`,
        undefined,
        undefined,
      );
    });
  }

  /**
   * Takes a frame, right or wrong.
   *
   * @param options How long to wait.
   * @returns The frame.
   */
  receiveFrame(options: WaitOptions = {}): Promise<ReceivedFrame> {
    return this.#frame("receiveFrame()", "a frame", options);
  }

  /**
   * Expects octets to come next.
   *
   * @param data Bytes, or a text with one octet for each character.
   * @param options How long to wait.
   * @returns A promise that resolves when they have come.
   */
  async expectBytes(data: string | BinaryData, options: WaitOptions = {}): Promise<void> {
    const expected = toOctets(data);
    const line = hex(expected);
    await this.#reader.wait("expectBytes()", line, options, () => {
      const come = this.#reader.joined().slice(0, expected.length);
      const where = octetsDiffer(come, expected.subarray(0, come.length));
      if (where !== undefined) {
        throw new AssertionError(`Expected ${line}, got ${hex(come)}; ${where}`, come, expected);
      }
      if (come.length < expected.length) return undefined;
      this.#reader.take(expected.length);
      return true;
    });
  }

  /**
   * Expects a frame to come next.
   *
   * @param expected What it has to be.
   * @param options How long to wait.
   * @returns The frame.
   * @throws {TypeError} When a field is unknown or of the wrong kind.
   */
  async expectFrame(
    expected: ExpectedFrame,
    options: WaitOptions = {},
  ): Promise<ReceivedFrame> {
    checkOptions("expectFrame()", expected, EXPECTED_FRAME);
    const line = describeFrame(expected);
    const frame = await this.#frame("expectFrame()", line, options);
    const payload = expected.payload === undefined ? frame.payload : octetsOf(expected.payload);
    const where = octetsDiffer(frame.payload, payload);
    const { opcode = frame.opcode, fin = frame.fin, rsv1 = frame.rsv1 } = expected;
    const { rsv2 = frame.rsv2, rsv3 = frame.rsv3 } = expected;
    const { masked = frame.mask !== undefined } = expected;
    const same = opcode === frame.opcode && fin === frame.fin && rsv1 === frame.rsv1 &&
      rsv2 === frame.rsv2 && rsv3 === frame.rsv3 && masked === (frame.mask !== undefined);
    if (same && where === undefined) return frame;
    const got = { ...frame, masked: frame.mask !== undefined };
    throw new AssertionError(
      `Expected ${line}, got ${lineOf(frame)}${got.masked ? ", masked" : ", not masked"}${
        where === undefined ? "" : `; the payloads: ${where}`
      }`,
      {
        opcode: got.opcode,
        payload: got.payload,
        fin: got.fin,
        rsv1: got.rsv1,
        rsv2: got.rsv2,
        rsv3: got.rsv3,
        masked: got.masked,
      },
      { opcode, payload, fin, rsv1, rsv2, rsv3, masked },
    );
  }

  /**
   * Expects a Close frame to come next. It is not answered.
   *
   * @param expected The close code and the reason. Default: any.
   * @param options How long to wait.
   * @returns The code and the reason of the frame; 1005 when it had none.
   */
  async expectClose(expected: ExpectedClose = {}, options: WaitOptions = {}): Promise<CloseStatus> {
    checkOptions("expectClose()", expected, EXPECTED_CLOSE);
    const any = expected.code === undefined && expected.reason === undefined;
    const line = any ? "a Close frame" : `< ${describeClose(expected)}`;
    const frame = await this.#frame("expectClose()", line, options);
    const isClose = frame.opcode === Opcode.close;
    const actual = isClose ? statusOf(frame.payload) : undefined;
    const { code = actual?.code, reason = actual?.reason } = expected;
    if (actual !== undefined && actual.code === code && actual.reason === reason) return actual;
    throw new AssertionError(`Expected ${line}, got ${lineOf(frame)}`, actual, { code, reason });
  }

  /**
   * Expects the other end to end the stream (FIN), with nothing before that.
   *
   * @param options How long to wait.
   * @returns A promise that resolves when it has.
   */
  async expectEnd(options: WaitOptions = {}): Promise<void> {
    const line = "the end of the stream";
    await this.#reader.wait("expectEnd()", line, options, () => {
      if (this.#reader.size > 0) {
        throw new AssertionError(
          `Expected ${line}, got ${this.#reader.shown()}`,
          undefined,
          undefined,
        );
      }
      return this.#reader.endedInOrder || undefined;
    });
  }

  #check(call: string): void {
    if (this.#ended === undefined) return;
    throw new Error(
      `Expected a raw peer that has not ended, got ${call} after ${this.#ended}: ` +
        "make another connection with raw()",
    );
  }

  #frame(call: string, line: string, options: WaitOptions): Promise<ReceivedFrame> {
    let needs = 2;
    return this.#reader.wait(call, line, options, () => {
      if (this.#reader.size < needs) return undefined;
      const read = readRawFrame(this.#reader.joined());
      if ("needs" in read) return void (needs = read.needs);
      this.#reader.take(read.size);
      return read.frame;
    });
  }
}

/** `await using` drops the connection. */
export interface RawPeer extends AsyncDisposal {}

function describeFrame(expected: ExpectedFrame): string {
  const { opcode, payload, fin, rsv1, rsv2, rsv3, masked } = expected;
  const words = [
    opcode !== undefined && payload !== undefined
      ? frameLine(opcode, octetsOf(payload), { fin: fin ?? true, rsv1: rsv1 ?? false })
      : opcode !== undefined
      ? `a frame with opcode ${opcode}`
      : payload !== undefined
      ? `a frame with ${hex(octetsOf(payload))}`
      : "a frame",
  ];
  if (opcode === undefined || payload === undefined) {
    if (fin !== undefined) words.push(fin ? "the last of its message" : "continued");
    if (rsv1 !== undefined) words.push(rsv1 ? "with RSV1" : "without RSV1");
  }
  if (rsv2 !== undefined) words.push(rsv2 ? "with RSV2" : "without RSV2");
  if (rsv3 !== undefined) words.push(rsv3 ? "with RSV3" : "without RSV3");
  if (masked !== undefined) words.push(masked ? "masked" : "not masked");
  return words.join(", ");
}

function statusOf(body: Bytes): CloseStatus {
  const status = decodeCloseBody(body);
  if (typeof status !== "number") return status;
  // What may not be sent is shown all the same.
  return {
    code: body.length < 2 ? status : readCloseCode(body),
    reason: new TextDecoder().decode(body.subarray(2)),
  };
}

/** A text as octets, one for each character. */
export function toOctets(data: string | BinaryData): Bytes {
  if (typeof data !== "string") return copyBytes(data);
  return Uint8Array.from(data, (character) => {
    const code = character.codePointAt(0)!;
    if (code <= 0xff) return code;
    throw new TypeError(
      `Expected a text with one octet for each character, got ${
        JSON.stringify(character)
      }: new TextEncoder().encode() makes octets of it`,
    );
  });
}
