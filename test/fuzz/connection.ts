// Drives a Protocol over chunks as an endpoint would, and shows what came of it in the words of naive_protocol.ts.

import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import type { Bytes } from "../../src/util/bytes.ts";
import type { MessageTransform } from "../../src/protocol/message_assembler.ts";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { Protocol } from "../../src/protocol/protocol.ts";
import { decodeFrames } from "../support/frames.ts";
import { takeAll } from "../support/drive.ts";
import { mayBeReceived, type Reading, type Setting } from "./naive_protocol.ts";

/** How the chunks are taken. */
export interface Driving {
  /** Whether the consumer falls behind before each message. */
  readonly holding: boolean;
  /** Messages of at least so many octets come in pieces. */
  readonly streamFrom: number;
  /** Whether chunks are only lent: each is written over once it has been looked at. */
  readonly lent: boolean;
}

/** What there is to see after each chunk. */
export interface Drive extends Reading {
  /** How many events there were after each chunk. */
  readonly counts: readonly number[];
}

/** Gives a protocol all chunks, and asserts what must hold for any bytes. */
export function drive(
  setting: Setting,
  { holding, streamFrom, lent }: Driving,
  chunks: readonly Bytes[],
  transform?: MessageTransform,
): Drive {
  const { role, maxMessageSize, maxFragments } = setting;
  const protocol = new Protocol(role, { maxMessageSize, maxFragments }, transform);
  protocol.congested = setting.congested;
  protocol.streamFrom = streamFrom;
  protocol.holding = false;
  if (setting.closing) {
    protocol.close(1000, "");
    takeAll(protocol.output);
  }
  // A binary message stays as it came to the end, when nothing may have touched it.
  const events: (string | (string | Bytes)[])[] = [];
  const counts: number[] = [];
  const pieces: (string | Bytes)[] = [];
  for (const chunk of chunks) {
    protocol.receive(chunk, lent);
    for (;;) {
      protocol.holding = holding;
      let event = protocol.nextEvent();
      if (event === undefined && protocol.blocked) {
        protocol.holding = false;
        event = protocol.nextEvent();
      }
      if (event === undefined) break;
      const { data } = protocol;
      if (event === "chunk") {
        pieces.push(data);
        if (protocol.last) events.push(pieces.splice(0));
      } else if (event === "message") events.push([data]);
      else if (event === "close") events.push("close");
      else events.push(`${event} ${encodeHex((data as Bytes).slice())}`);
    }
    counts.push(events.length);
    if (!lent) continue;
    protocol.input.own();
    chunk.fill(0xee);
  }
  const lines = events.map((event) => typeof event === "string" ? event : joined(event));
  return { events: lines, counts, ...ending(protocol, lines) };
}

function joined(pieces: readonly (string | Bytes)[]): string {
  if (typeof pieces[0] === "string") return `text ${pieces.join("")}`;
  return `binary ${pieces.map((piece) => encodeHex(piece as Bytes)).join("")}`;
}

/** What was written, and how the connection stands and ends. */
function ending(protocol: Protocol, events: readonly string[]): Omit<Drive, "events" | "counts"> {
  const { state, role, closeTimerDue, endDue } = protocol;
  assert(state !== "closed");
  assertEquals(protocol.blocked, false);
  assertEquals(closeTimerDue, state !== "open", "a close timer runs once closing has begun");
  assertEquals(events.includes("close"), state === "discarding", "it waits, or it discards");

  const frames = decodeFrames(takeAll(protocol.output));
  const written = frames.map(({ fin, reserved, opcode, key, payload }) => {
    assertEquals([fin, reserved, key !== undefined], [true, 0, role === "client"]);
    if (opcode !== 8) return `${(128 + opcode).toString(16)} ${encodeHex(payload)}`;
    // A reason must be UTF-8 too; the decoder throws.
    new TextDecoder("utf-8", { fatal: true }).decode(payload.subarray(2));
    return `88 ${encodeHex(payload.subarray(0, 2))}`;
  });
  const closeAt = written.findIndex((line) => line.startsWith("88"));
  assert(closeAt < 0 || closeAt === written.length - 1, "nothing follows a Close frame");

  const info = protocol.end(undefined);
  assertEquals(protocol.state, "closed");
  const failed = info.cause instanceof ProtocolError;
  const failure = info.cause instanceof ProtocolError ? [info.cause.code] : [];
  for (const code of failure) assert(mayBeReceived(code), `${code} may be sent`);
  assertEquals(endDue, state === "discarding" && (role === "server" || failed));
  assertEquals(info.wasClean, state === "discarding" && !failed);
  return { state, written, failure };
}
