// What the frame explorer shows: the fields of each frame in a row of octets, and what is wrong.
//
// The fields come from `readHeader()`. The verdict comes from `Protocol`, the state machine that a
// connection has: it sees all frames in order, the octets of a text, and the body of a Close frame.

import {
  applyMask,
  createFrameHeader,
  decodeCloseBody,
  encodeCloseBody,
  encodeFrame,
  type MessageTransform,
  Opcode,
  Protocol,
  ProtocolError,
  readHeader,
  type Role,
} from "@sansocket/ws/core";

/** One field of a header. */
export interface Field {
  readonly name: string;
  /** Its bits, in groups of eight from the right. */
  readonly bits: string;
  readonly value: string;
  readonly meaning: string;
}

/** A frame, as far as its octets have come. */
export interface FrameView {
  /** "Text", "Ping", or what else it is. */
  readonly title: string;
  /** The octets of the header in hexadecimal. */
  readonly header: string;
  readonly fields: readonly Field[];
  /** The payload as it is sent, in hexadecimal. */
  readonly masked: string | undefined;
  /** The payload without its mask, in hexadecimal. */
  readonly payload: string;
  /** The payload in words: a text, or a close code and its reason. */
  readonly text: string | undefined;
  /** Octets of the payload that have not come. */
  readonly missing: number;
}

/** What is wrong, by the library's own name and message. */
export interface Fault {
  /** The number of the frame, from 1. */
  readonly frame: number;
  readonly violation: string;
  readonly message: string;
  readonly code: number;
}

/** What a row of octets is. */
export interface Reading {
  readonly frames: readonly FrameView[];
  readonly fault: Fault | undefined;
  /** What else there is to say, such as what is missing at the end. */
  readonly note: string | undefined;
}

/** Something to begin with. */
export interface Example {
  readonly name: string;
  readonly hex: string;
  readonly from: Role;
  readonly compressed: boolean;
}

/** Takes RSV1 for a compressed message, and any payload of it. */
const notInflating: MessageTransform = {
  threshold: Infinity,
  settings: 0,
  decode: () => new Uint8Array(),
  encode: (data) => Uint8Array.from(data),
  encodeApart: (data) => Uint8Array.from(data),
  forget() {},
  close() {},
};

/** The most octets of a payload that are shown. */
const SHOWN = 256;

/** The most frames that are read: each is a table, and 100,000 tables would stop the browser. */
const MAX_FRAMES = 200;

/** The most octets that are read: enough for each of the three lengths. */
const MAX_OCTETS = 100_000;

const names: Readonly<Record<number, string>> = {
  [Opcode.continuation]: "Continuation",
  [Opcode.text]: "Text",
  [Opcode.binary]: "Binary",
  [Opcode.close]: "Close",
  [Opcode.ping]: "Ping",
  [Opcode.pong]: "Pong",
};

/** Octets in hexadecimal, with spaces between. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, "0")).join(" ");
}

/** The digits of octets in hexadecimal, without spaces, commas, and "0x" before a number. */
export function digitsOf(text: string): string {
  return text.replace(/(?<![^\s,])0x|[\s,]/gi, "").toLowerCase();
}

/**
 * Reads octets in hexadecimal.
 *
 * @returns The octets, or a sentence that says what is wrong.
 */
export function parseHex(text: string): Uint8Array<ArrayBuffer> | string {
  const digits = digitsOf(text);
  if (digits.length > 2 * MAX_OCTETS) {
    return `Expected at most ${MAX_OCTETS.toLocaleString("en")} octets`;
  }
  const [wrong] = digits.match(/[^\da-f]/u) ?? [];
  if (wrong !== undefined) return `Expected the digits 0 to 9 and a to f, got "${wrong}"`;
  if (digits.length % 2 !== 0) {
    return "Expected two digits for each octet, and there is one too few";
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/**
 * Writes one frame with a text.
 *
 * @param text The text.
 * @param from Which end sends it: a client masks it, here by a key that stays the same.
 * @returns The octets in hexadecimal.
 */
export function encodeText(text: string, from: Role): string {
  return toHex(encodeFrame({ payload: text, mask: from === "client" ? 0x37fa213d : false }));
}

function bitsOf(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(2).padStart(8, "0")).join(" ");
}

/** The fields of a header whose octets are all there. */
function fieldsOf(octets: Uint8Array, compressed: boolean): Field[] {
  const [first = 0, second = 0] = octets;
  const opcode = first & 0xf;
  const isMasked = second > 127;
  const form = second & 127;
  const rest = form < 126 ? 2 : form === 126 ? 4 : 10;
  const reserved = [1, 2, 3].map((number) => {
    const bit = (first >> (7 - number)) & 1;
    const isCompression = number === 1 && bit === 1 && compressed;
    const meaning = bit === 0 ? "no extension" : isCompression ? "compressed" : "without a meaning";
    return { name: `RSV${number}`, bits: `${bit}`, value: `${bit}`, meaning };
  });
  const fields: Field[] = [
    {
      name: "FIN",
      bits: `${first >> 7}`,
      value: `${first >> 7}`,
      meaning: first > 127 ? "the last frame of its message" : "more frames follow",
    },
    ...reserved,
    {
      name: "Opcode",
      bits: opcode.toString(2).padStart(4, "0"),
      value: `${opcode}`,
      meaning: names[opcode] ?? "reserved",
    },
    {
      name: "MASK",
      bits: isMasked ? "1" : "0",
      value: isMasked ? "1" : "0",
      meaning: isMasked ? "masked, as a client must" : "not masked, as a server must",
    },
    {
      name: "Payload length",
      bits: form.toString(2).padStart(7, "0"),
      value: form < 126 ? `${form} octets` : `${form}`,
      meaning: form < 126 ? "" : `the next ${rest - 2} octets have it`,
    },
  ];
  if (rest > 2) {
    const length = octets.subarray(2, rest);
    const value = length.reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
    fields.push({
      name: "Extended length",
      bits: bitsOf(length),
      value: `${value.toLocaleString("en")} octets`,
      meaning: "",
    });
  }
  if (isMasked) {
    const key = octets.subarray(rest, rest + 4);
    fields.push({ name: "Masking key", bits: bitsOf(key), value: toHex(key), meaning: "" });
  }
  return fields;
}

/** What a payload says; undefined where only its octets do. */
function describe(opcode: number, isCompressed: boolean, payload: Uint8Array): string | undefined {
  if (isCompressed) return undefined;
  if (opcode === Opcode.close) {
    const status = decodeCloseBody(payload);
    if (typeof status === "number") return undefined;
    const { code, reason } = status;
    if (payload.length === 0) return "no close code";
    return `close code ${code}, ${reason === "" ? "no reason" : `reason "${reason}"`}`;
  }
  if (opcode !== Opcode.text && opcode !== Opcode.continuation) return undefined;
  return JSON.stringify(new TextDecoder().decode(payload));
}

function cut(bytes: Uint8Array): string {
  const more = bytes.length - SHOWN;
  const hex = toHex(bytes.subarray(0, SHOWN));
  return more > 0 ? `${hex} … and ${more.toLocaleString("en")} more` : hex;
}

/**
 * Reads frames.
 *
 * @param bytes The octets, from the beginning of a frame.
 * @param from Which end sends them.
 * @param compressed Whether permessage-deflate was agreed on. Nothing is inflated here.
 * @returns The frames, and what the other end would find wrong.
 */
export function readFrames(
  bytes: Uint8Array<ArrayBuffer>,
  from: Role,
  compressed: boolean,
): Reading {
  const protocol = new Protocol(
    from === "client" ? "server" : "client",
    { maxMessageSize: 1_048_576, maxFragments: 1_000 },
    compressed ? notInflating : undefined,
  );
  const frames: FrameView[] = [];
  const header = createFrameHeader();
  let offset = 0;
  let messageIsCompressed = false;
  while (offset < bytes.length) {
    const size = readHeader(bytes, offset, bytes.length, header);
    if (size === 0) {
      return { frames, fault: undefined, note: missingHeader(bytes.subarray(offset)) };
    }
    if (frames.length === MAX_FRAMES) {
      const note = `${
        (bytes.length - offset).toLocaleString("en")
      } octets behind them are not read`;
      return { frames, fault: undefined, note };
    }
    const start = offset + size;
    const end = Math.min(start + header.payloadLength, bytes.length);
    const sent = bytes.slice(start, end);
    const payload = sent.slice();
    if (header.masked) applyMask(payload, 0, payload.length, header.maskingKey);
    if (header.opcode === Opcode.text || header.opcode === Opcode.binary) {
      messageIsCompressed = compressed && header.reserved === 4;
    }
    const isControl = header.opcode >= Opcode.close;
    const isCompressed = messageIsCompressed && !isControl;
    const name = names[header.opcode] ?? `Opcode ${header.opcode}`;
    const missing = header.payloadLength - (end - start);
    frames.push({
      title: isCompressed ? `${name}, compressed` : name,
      header: toHex(bytes.subarray(offset, start)),
      fields: fieldsOf(bytes.subarray(offset, start), compressed),
      masked: header.masked ? cut(sent) : undefined,
      payload: cut(payload),
      text: missing === 0 ? describe(header.opcode, isCompressed, payload) : undefined,
      missing,
    });
    protocol.receive(bytes.slice(offset, end));
    while (protocol.nextEvent() !== undefined) { /* The verdict is in `known`. */ }
    const cause = protocol.known.cause;
    if (cause instanceof ProtocolError) {
      const { violation, code } = cause;
      // The row that the text names is a link on the page.
      const [message = ""] = cause.message.split(" (errors.md#", 1);
      return { frames, fault: { frame: frames.length, violation, message, code }, note: undefined };
    }
    if (missing > 0) {
      const note = `${missing.toLocaleString("en")} octets of the payload have not come`;
      return { frames, fault: undefined, note };
    }
    offset = end;
    if (header.opcode === Opcode.close && offset < bytes.length) {
      const count = bytes.length - offset;
      return {
        frames,
        fault: undefined,
        note: `${count} octets behind the Close frame are ignored`,
      };
    }
  }
  const note = protocol.receiving ? "The message goes on in another frame" : undefined;
  return { frames, fault: undefined, note };
}

/** What is missing of a header that has begun. */
function missingHeader([, second]: Uint8Array): string {
  if (second === undefined) return "A header has at least 2 octets";
  const form = second & 127;
  const size = (form < 126 ? 2 : form === 126 ? 4 : 10) + (second > 127 ? 4 : 0);
  return `This header has ${size} octets: some of them have not come`;
}

const frame = (name: string, from: Role, ...octets: Uint8Array[]): Example => ({
  name,
  hex: octets.map(toHex).join("  "),
  from,
  compressed: name.includes("compressed"),
});
const key = 0x37fa213d;
const octets = (hex: string): Uint8Array =>
  Uint8Array.from(hex.split(" "), (pair) => Number.parseInt(pair, 16));

/** Frames that are right, and frames that are not. */
export const examples: readonly Example[] = [
  frame('Text "Hello"', "server", encodeFrame({ payload: "Hello" })),
  frame('Text "Hello", masked', "client", encodeFrame({ payload: "Hello", mask: key })),
  frame("Ping", "server", encodeFrame({ opcode: Opcode.ping, payload: "?" })),
  frame(
    "Close 1000",
    "server",
    encodeFrame({ opcode: Opcode.close, payload: encodeCloseBody(1000, "bye") }),
  ),
  frame("126 octets", "server", encodeFrame({ payload: new Uint8Array(126) })),
  frame(
    "A message in two fragments, a Ping between",
    "server",
    encodeFrame({ opcode: Opcode.text, payload: "Hel", fin: false }),
    encodeFrame({ opcode: Opcode.ping }),
    encodeFrame({ opcode: Opcode.continuation, payload: "lo" }),
  ),
  frame('Text "Hello", compressed (RSV1)', "server", octets("c1 07 f2 48 cd c9 c9 07 00")),
  frame("Wrong: a client that does not mask", "client", encodeFrame({ payload: "Hello" })),
  frame("Wrong: a reserved opcode", "server", octets("83 00")),
  frame("Wrong: RSV1 without compression", "server", octets("c1 00")),
  frame("Wrong: a length that is not minimal", "server", octets("81 7e 00 05 48 65 6c 6c 6f")),
  frame("Wrong: a Ping in fragments", "server", octets("09 00")),
  frame("Wrong: text that is not UTF-8", "server", octets("81 02 c3 28")),
  frame("Wrong: Close 1006", "server", octets("88 02 03 ee")),
  frame("Wrong: a continuation of nothing", "server", octets("80 00")),
];
