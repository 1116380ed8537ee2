import { assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { FrameEncoder } from "../../src/protocol/frame_encoder.ts";
import { PendingPong } from "../../src/protocol/pending_pong.ts";
import { takeAll } from "../support/drive.ts";
import { test } from "../support/test.ts";

/** What a flush encodes, as hex. */
function flush(pending: PendingPong): string {
  const output = new FrameEncoder(false);
  pending.flush(output);
  return encodeHex(takeAll(output));
}

test("PendingPong flush() encodes the newest, once", () => {
  const pending = new PendingPong();
  assertEquals(flush(pending), "");
  pending.replace(decodeHex("01"));
  pending.replace(decodeHex("0203"));
  assertEquals([flush(pending), flush(pending)], ["8a020203", ""]);
});

test("PendingPong answers a Ping without a payload too", () => {
  const pending = new PendingPong();
  pending.replace(decodeHex(""));
  assertEquals([flush(pending), flush(pending)], ["8a00", ""]);
});

test("PendingPong drop() leaves nothing to send", () => {
  const pending = new PendingPong();
  pending.replace(decodeHex("01"));
  pending.drop();
  assertEquals(flush(pending), "");
});
