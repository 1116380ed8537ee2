// Drives the decoder and the protocol over chunks, and shows what came out as lines that compare well.

import { encodeHex } from "@std/encoding";
import { type Bytes, concat } from "../../src/util/bytes.ts";
import { FrameDecoder } from "../../src/protocol/frame_decoder.ts";
import type { FrameEncoder } from "../../src/protocol/frame_encoder.ts";
import type { FrameHeader, Role } from "../../src/protocol/frame_header.ts";
import type { MessageLimits } from "../../src/protocol/message_assembler.ts";
import { Protocol } from "../../src/protocol/protocol.ts";
import { decodeFrames } from "./frames.ts";

/** The library's defaults. */
export const LIMITS: MessageLimits = { maxMessageSize: 1_048_576, maxFragments: 131_072 };

/** A frame that the decoder has read. */
export interface DecodedFrame {
  /** Its header. */
  readonly header: FrameHeader;
  /** Its payload, unmasked, as hex. */
  readonly payload: string;
}

/** Reads frames; one that is cut short at the end comes without the payload that is missing. */
export function decodeAll(chunks: Iterable<Bytes>): DecodedFrame[] {
  const decoder = new FrameDecoder();
  const frames: DecodedFrame[] = [];
  let header: FrameHeader | undefined;
  let payload = "";
  for (const chunk of chunks) {
    decoder.push(chunk);
    while (header !== undefined || decoder.readHeader()) {
      header ??= { ...decoder.header };
      if (!decoder.readPayload()) break;
      payload += encodeHex(decoder.bytes.slice(decoder.start, decoder.end));
      if (decoder.remaining > 0) continue;
      frames.push({ header, payload });
      header = undefined;
      payload = "";
    }
  }
  if (header !== undefined) frames.push({ header, payload });
  return frames;
}

/** A protocol whose consumer keeps up, with the library's default limits unless told. */
export function createProtocol(role: Role, limits: Partial<MessageLimits> = {}): Protocol {
  return new Protocol(role, { ...LIMITS, ...limits });
}

/** The next event as a line such as "text Hello", "binary 0102", "ping 01" or "close"; undefined when there is none. */
export function next(protocol: Protocol): string | undefined {
  const event = protocol.nextEvent();
  if (event === undefined || event === "close") return event;
  const { data } = protocol;
  if (typeof data === "string") return `text ${data}`;
  return `${event === "message" ? "binary" : event} ${encodeHex(data.slice())}`;
}

/** Gives the protocol all chunks and returns its events. */
export function feed(protocol: Protocol, chunks: Iterable<Bytes>): string[] {
  const events: string[] = [];
  for (const chunk of chunks) {
    protocol.receive(chunk);
    for (let event = next(protocol); event !== undefined; event = next(protocol)) {
      events.push(event);
    }
  }
  return events;
}

/** Takes the batches that wait to be written, as they lie. */
export function takeBatches(output: FrameEncoder): Bytes[] {
  const batches: Bytes[] = [];
  for (let batch = output.take(); batch !== undefined; batch = output.take()) batches.push(batch);
  return batches;
}

/** Takes all bytes that wait to be written. */
export function takeAll(output: FrameEncoder): Bytes {
  return concat(takeBatches(output));
}

/** Whether all octets are equal; deep equality of large arrays is slow. */
export function same(actual: Uint8Array, expected: Uint8Array): boolean {
  return actual.length === expected.length && actual.every((octet, i) => octet === expected[i]);
}

/** Takes the frames that wait to be written, unmasked, as lines such as "8a 0102": first octet and payload. */
export function takeFrames(protocol: Protocol): string[] {
  return decodeFrames(takeAll(protocol.output)).map(({ fin, reserved = 0, opcode, payload }) => {
    const first = (fin ? 128 : 0) + reserved * 16 + opcode;
    return `${encodeHex(Uint8Array.of(first))} ${encodeHex(payload)}`;
  });
}
