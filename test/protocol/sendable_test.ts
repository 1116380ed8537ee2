import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodeHex } from "@std/encoding";
import { FrameEncoder } from "../../src/protocol/frame_encoder.ts";
import { PreparedMessage } from "../../src/protocol/prepared_message.ts";
import {
  checkSendOptions,
  contentOf,
  encodeSendable,
  isPrepared,
  type Sendable,
} from "../../src/protocol/sendable.ts";
import { foreignBytes } from "../support/realm.ts";
import { test } from "../support/test.ts";

function encoded(data: Sendable, text?: boolean): string {
  const output = new FrameEncoder(false);
  encodeSendable(output, data, undefined, text);
  const taken = output.take();
  assert(taken !== undefined);
  return encodeHex(taken);
}

test("encodeSendable takes bytes of another realm for what they are", () => {
  assertEquals(encoded(foreignBytes([1, 2, 3])), "8203010203");
});

test("encodeSendable sends a string as text, bytes as binary, and either as it is told", () => {
  assertEquals(encoded("hi"), "81026869");
  assertEquals(encoded(Uint8Array.of(104, 105)), "82026869");
  assertEquals(encoded(Uint8Array.of(104, 105), true), "81026869");
});

test("encodeSendable sends a PreparedMessage as it was prepared", () => {
  assertEquals(encoded(new PreparedMessage("hi")), "81026869");
  assertEquals(encoded(new PreparedMessage("hi", { binary: true })), "82026869");
});

test("isPrepared and contentOf know a PreparedMessage, and nothing else", () => {
  const message = new PreparedMessage("hi", { compress: false });
  assertEquals(isPrepared(message), true);
  const [payload, opcode, compress] = contentOf(message);
  assertEquals([encodeHex(payload), opcode, compress], ["6869", 1, false]);
  for (const value of [undefined, null, "hi", 1, {}, new Uint8Array(1), new Map()]) {
    assertEquals(isPrepared(value), false);
  }
});

test("checkSendOptions takes what is known, and names what is not", () => {
  checkSendOptions("send()", { compress: true, binary: false });
  assertThrows(
    () => checkSendOptions("send()", { compres: true } as unknown as { compress: true }),
    TypeError,
    "Expected an option of send(), got compres: did you mean compress?",
  );
});
