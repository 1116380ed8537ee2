// The generator's judgement of what a server sends: right in any framing, and never fooled.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { Replies } from "../../bench/generator/replies.ts";
import { createTrains, takeAll } from "../../bench/generator/train.ts";
import { createPayload } from "../../bench/generator/payload.ts";
import { scenarioOf } from "../../bench/scenarios.ts";
import {
  acceptCompression,
  createCompression,
  judgeCompression,
} from "../../src/deflate/compression.ts";
import { offerDeflate } from "../../src/deflate/negotiation.ts";
import { zlibBackend } from "../../runtimes/shared/zlib.ts";
import { type Bytes, FrameEncoder, Opcode, Protocol } from "../../src/core.ts";
import { test } from "../support/test.ts";

const small = scenarioOf("echo-64x32-20");
const trains = createTrains(small, false);
const control = { pong: () => {}, closed: () => {} };

/** What a server sends that echoes the first messages of the train. */
function echo(count: number, each = (encoder: FrameEncoder, payload: Bytes): void => {
  encoder.binary(Opcode.binary, payload);
}): Bytes {
  const encoder = new FrameEncoder(false);
  for (let i = 0; i < count; i++) each(encoder, trains.payloads[i % trains.count]!);
  return takeAll(encoder);
}

/** The messages counted when `bytes` come in chunks of `size`. */
function count(replies: Replies, bytes: Uint8Array, size: number): number {
  let messages = 0;
  for (let i = 0; i < bytes.length; i += size) {
    messages += replies.push(Buffer.from(bytes.slice(i, i + size)));
  }
  return messages;
}

/** A fragmented message with a Ping inside. */
function inPieces(encoder: FrameEncoder, payload: Bytes): void {
  encoder.binary(Opcode.binary, payload.subarray(0, 7), false);
  encoder.binary(Opcode.ping, new Uint8Array([1, 2]));
  encoder.binary(Opcode.continuation, payload.subarray(7), true);
}

test("Replies counts messages in chunks of any size, around the end of the train", () => {
  const messages = trains.count + 3;
  for (const size of [1, 7, 22, 23, 1000, 1 << 20]) {
    const replies = new Replies(trains, false, control);
    assertEquals(count(replies, echo(messages), size), messages);
  }
});

test("Replies reads frame by frame when a server frames otherwise, and goes on so", () => {
  for (const size of [1, 5, 24, 1000]) {
    const pings: number[] = [];
    const replies = new Replies(trains, false, { ...control, pong: (p) => pings.push(p.length) });
    assertEquals(count(replies, echo(2), size), 2);
    const whole = echo(5, (encoder, payload) => inPieces(encoder, payload)).slice();
    const fresh = new Replies(trains, false, { ...control, pong: (p) => pings.push(p.length) });
    assertEquals(count(fresh, whole, size), 5);
    assertEquals(pings, [2, 2, 2, 2, 2]);
  }
});

test("Replies refuses a single bit that differs, wherever it is", () => {
  const right = echo(4);
  for (let i = 0; i < right.length; i++) {
    const wrong = right.slice();
    wrong[i]! ^= 1;
    const replies = new Replies(trains, false, control);
    let counted = 0;
    try {
      counted = count(replies, wrong, 1000);
    } catch {
      continue;
    }
    // A length that became longer: the message has not ended.
    assert(counted < 4, `octet ${i}`);
  }
});

test("Replies of a raw echo are the payloads, and nothing else", () => {
  const raw = createTrains(small, true);
  const bytes = Buffer.concat(raw.payloads.slice(0, 3));
  assertEquals(count(new Replies(raw, true, control), bytes, 9), 3);
  bytes[41]! ^= 0x80;
  assertThrows(() => count(new Replies(raw, true, control), bytes, 9), Error, "differs");
});

test("Replies inflates what a server has compressed, and refuses what it has not", () => {
  const scenario = scenarioOf("deflate-64x1-1k");
  const compressed = createTrains(scenario, false);
  const compression = createCompression(true, zlibBackend)!;
  const { transform, extensions } = acceptCompression(compression, [
    offerDeflate(compression.options),
  ]);
  const encoder = new FrameEncoder(false);
  for (const payload of compressed.payloads) {
    encoder.binary(Opcode.text, transform!.encode(payload), true, 4);
  }
  const judged = judgeCompression(compression, extensions);
  assert("transform" in judged);
  const replies = new Replies(compressed, false, control, judged.transform);
  assertEquals(count(replies, takeAll(encoder), 100), compressed.count);
  encoder.binary(Opcode.text, compressed.payloads[0]!);
  assertThrows(() => count(replies, takeAll(encoder), 100), Error, "not compressed");
  transform!.close();
  judged.transform!.close();
});

test("createTrains makes frames that our own server reads as the payloads", () => {
  const protocol = new Protocol("server", { maxMessageSize: 1000, maxFragments: 10 });
  const { outgoing, payloads } = createTrains({ ...small, kind: "text", size: 300 }, false);
  protocol.receive(new Uint8Array(outgoing.bytes));
  const texts: unknown[] = [];
  while (protocol.nextEvent() === "message") texts.push(protocol.data);
  assertEquals(texts.length, outgoing.starts.length - 1);
  assertEquals(texts.slice(0, 3), payloads.slice(0, 3).map((p) => new TextDecoder().decode(p)));
});

test("createPayload has the size asked for, is valid text where it should be, and differs", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (const kind of ["binary", "text", "utf8", "json"] as const) {
    for (const size of [1, 2, 20, 1024]) {
      assertEquals(createPayload(kind, size, 3).length, size);
      if (kind !== "binary") decoder.decode(createPayload(kind, size, 3));
    }
    assert(Buffer.compare(createPayload(kind, 1024, 1), createPayload(kind, 1024, 2)) !== 0);
    assertEquals(createPayload(kind, 50, 7), createPayload(kind, 50, 7));
  }
  assert(/[\u{10000}-\u{10ffff}]/u.test(decoder.decode(createPayload("utf8", 1024, 1))));
});
