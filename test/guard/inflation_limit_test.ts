import { assertEquals, assertStrictEquals } from "@std/assert";
import type { Bytes } from "../../src/util/bytes.ts";
import { limitInflation } from "../../src/guard/inflation_limit.ts";
import type { MessageTransform } from "../../src/protocol/message_assembler.ts";
import { test } from "../support/test.ts";

/** "Inflates" each octet to as many zeros as it says, times 1,000. */
function createTransform(): MessageTransform & { readonly limits: number[]; closed: number } {
  return {
    threshold: 7,
    settings: 0,
    limits: [],
    closed: 0,
    encode: (data) => data as Bytes,
    encodeApart: (data) => data as Bytes,
    forget() {},
    close() {
      this.closed++;
    },
    decode(payload, maxLength) {
      this.limits.push(maxLength);
      const length = payload.reduce((sum, octet) => sum + octet * 1000, 0);
      return length > maxLength ? "too long" : new Uint8Array(length);
    },
  };
}

test("limitInflation() is the transform itself when the ratio is off", () => {
  const transform = createTransform();
  assertStrictEquals(limitInflation(transform, Infinity, () => {}), transform);
});

test("limitInflation() stops above the ratio, says so, and never asks for more", () => {
  const transform = createTransform();
  let exceeded = 0;
  const limited = limitInflation(transform, 2000, () => exceeded++);
  assertEquals((limited.decode(new Uint8Array([2, 2, 2]), 1e6) as Bytes).length, 6000);
  assertEquals(exceeded, 0);
  assertEquals(limited.decode(new Uint8Array([2, 2, 3]), 1e6), {
    code: 1009,
    kind: "maxInflateRatio",
    reason: "Message of more than 2000 times its compressed size (guard.maxInflateRatio)",
  });
  assertEquals(exceeded, 1);
  assertEquals(transform.limits, [6000, 6000]);
});

test("limitInflation() allows 4,096 octets whatever the ratio", () => {
  const limited = limitInflation(createTransform(), 1, () => {});
  assertEquals((limited.decode(new Uint8Array([4]), 1e6) as Bytes).length, 4000);
});

test("limitInflation() leaves the limit on messages to the message", () => {
  let exceeded = 0;
  const limited = limitInflation(createTransform(), 5000, () => exceeded++);
  assertEquals(limited.decode(new Uint8Array([3]), 2000), "too long");
  assertEquals(exceeded, 0);
});

test("limitInflation() passes the rest on", () => {
  const transform = createTransform();
  const limited = limitInflation(transform, 10, () => {});
  assertEquals([limited.threshold, limited.encode(new Uint8Array([9]))], [7, Uint8Array.of(9)]);
  limited.close();
  assertEquals(transform.closed, 1);
});
