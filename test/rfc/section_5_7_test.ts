// RFC 6455 section 5.7: the examples, to the byte, read and written.

import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import type { Bytes } from "../../src/util/bytes.ts";
import { Opcode, writeHeader } from "../../src/protocol/frame_header.ts";
import { applyMask } from "../../src/protocol/mask.ts";
import { createProtocol, feed, takeAll, takeFrames } from "../support/drive.ts";
import { decodeFrames } from "../support/frames.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";

const UNMASKED_TEXT = "810548656c6c6f";
const MASKED_TEXT = "818537fa213d7f9f4d5158";
const FRAGMENTED_TEXT = "010348656c" + "80026c6f";
const UNMASKED_PING = "890548656c6c6f";
const MASKED_PONG = "8a8537fa213d7f9f4d5158";
const BINARY_256 = "827e0100";
const BINARY_64K = "827f0000000000010000";

test("5.7 a single-frame unmasked text message is read and written", () => {
  for (const chunks of cuts(decodeHex(UNMASKED_TEXT))) {
    assertEquals(feed(createProtocol("client"), chunks), ["text Hello"]);
  }
  const server = createProtocol("server");
  server.send("Hello");
  assertEquals(encodeHex(takeAll(server.output)), UNMASKED_TEXT);
});

test("5.7 a single-frame masked text message is read and written", () => {
  for (const chunks of cuts(decodeHex(MASKED_TEXT))) {
    assertEquals(feed(createProtocol("server"), chunks), ["text Hello"]);
  }
  const target = new Uint8Array(11);
  const offset = writeHeader(target, 0, 0x80 | Opcode.text, 5, 0x37fa213d);
  target.set(decodeHex("48656c6c6f"), offset);
  applyMask(target, offset, 11, 0x37fa213d);
  assertEquals(encodeHex(target), MASKED_TEXT);
});

test("5.7 a fragmented unmasked text message is read", () => {
  for (const chunks of cuts(decodeHex(FRAGMENTED_TEXT + FRAGMENTED_TEXT))) {
    assertEquals(feed(createProtocol("client"), chunks), ["text Hello", "text Hello"]);
  }
});

test("5.7 an unmasked Ping is answered by a masked Pong with the same body", () => {
  for (const chunks of cuts(decodeHex(UNMASKED_PING))) {
    const client = createProtocol("client");
    assertEquals(feed(client, chunks), ["ping 48656c6c6f"]);
    const [pong] = decodeFrames(takeAll(client.output));
    assertEquals([pong?.opcode, encodeHex(pong!.payload)], [Opcode.pong, "48656c6c6f"]);
    assert(pong?.key !== undefined);
  }
  const server = createProtocol("server");
  server.ping(decodeHex("48656c6c6f"));
  assertEquals(encodeHex(takeAll(server.output)), UNMASKED_PING);
});

test("5.7 a masked Pong is read", () => {
  for (const chunks of cuts(decodeHex(MASKED_PONG))) {
    const server = createProtocol("server");
    assertEquals(feed(server, chunks), ["pong 48656c6c6f"]);
    assertEquals(takeFrames(server), []);
  }
});

for (
  const [name, header, length] of [["256 octets", BINARY_256, 256], [
    "64 KiB",
    BINARY_64K,
    65_536,
  ]] as const
) {
  test(`5.7 a binary message of ${name} in a single unmasked frame is read and written`, () => {
    const payload = Uint8Array.from({ length }, (_, i) => i * 7);
    const frame = new Uint8Array([...decodeHex(header), ...payload]);

    const server = createProtocol("server");
    server.send(payload);
    assertEquals(encodeHex(takeAll(server.output)), encodeHex(frame));

    const headerLength = header.length / 2;
    // Every split of the header and of the first octets behind it, and some in the payload.
    const points = Array.from({ length: headerLength + 6 }, (_, at) => at);
    for (const at of [...points, 128, length - 1, length, length + headerLength - 1]) {
      const client = createProtocol("client");
      client.receive(frame.slice(0, at));
      assertEquals(client.nextEvent(), undefined);
      client.receive(frame.slice(at));
      assertEquals(client.nextEvent(), "message");
      assertEquals(encodeHex((client.data as Bytes).slice()), encodeHex(payload));
    }
  });
}
