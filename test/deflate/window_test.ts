import { assertEquals, assertLessOrEqual } from "@std/assert";
import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import { SlidingWindow } from "../../src/deflate/window.ts";
import { noise } from "../support/deflate.ts";
import { test } from "../support/test.ts";

function held(window: SlidingWindow): string {
  return encodeHex(window.dictionary?.slice() ?? new Uint8Array());
}

test("SlidingWindow.dictionary is undefined while there is nothing to refer to", () => {
  const window = new SlidingWindow(8);
  assertEquals(window.dictionary, undefined);
  window.append(new Uint8Array());
  assertEquals(window.dictionary, undefined);
  window.append(Uint8Array.of(1));
  assertEquals(held(window), "01");
});

test("SlidingWindow holds the last bytes of all that was appended", () => {
  // Lengths around both ends of a window of 256, so that each way to make room is taken.
  const length = fc.oneof(fc.nat(20), fc.integer({ min: 230, max: 280 }), fc.nat(600));
  fc.assert(
    fc.property(fc.array(length, { maxLength: 12 }), (lengths) => {
      const window = new SlidingWindow(8);
      let all = new Uint8Array();
      for (const [i, length] of lengths.entries()) {
        const added = noise(length, i + 1);
        window.append(added);
        all = Uint8Array.from([...all, ...added]);
        assertEquals(held(window), encodeHex(all.slice(-256)));
      }
    }),
    { numRuns: 300 },
  );
});

test("SlidingWindow holds exactly its size, for every size", () => {
  for (let bits = 8; bits <= 15; bits++) {
    for (const extra of [-1, 0, 1]) {
      const window = new SlidingWindow(bits);
      const bytes = noise((1 << bits) + extra);
      window.append(bytes);
      assertEquals(held(window), encodeHex(bytes.slice(-(1 << bits))));
      window.append(Uint8Array.of(7));
      assertEquals(held(window), encodeHex(Uint8Array.from([...bytes, 7]).slice(-(1 << bits))));
    }
  }
});

test("SlidingWindow takes memory as it fills, and never more than its size", () => {
  const window = new SlidingWindow(15);
  window.append(new Uint8Array(100));
  assertEquals(window.dictionary?.buffer.byteLength, 100);
  for (let i = 0; i < 1000; i++) {
    window.append(noise(100, i + 1));
    assertLessOrEqual(window.dictionary!.buffer.byteLength, 32_768);
  }
  assertEquals(window.dictionary?.length, 32_768);
});

test("SlidingWindow keeps nothing of a chunk that it was given", () => {
  const window = new SlidingWindow(8);
  const chunk = Uint8Array.of(1, 2, 3);
  window.append(chunk);
  chunk.fill(9);
  assertEquals(held(window), "010203");
});
