import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { applyMask, createMaskingKey } from "../../src/protocol/mask.ts";
import { test } from "../support/test.ts";

/** RFC 6455 section 5.3 to the letter: octet i is XORed with octet i MOD 4 of the key. */
function naiveMask(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: Uint8Array,
  phase: number,
): void {
  for (let i = start; i < end; i++) bytes[i]! ^= key[(i - start + phase) % 4]!;
}

function toInteger(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0);
}

test("applyMask equals its naive twin for every length, alignment and phase", () => {
  const key = decodeHex("f1a20b7c");
  const source = Uint8Array.from({ length: 320 }, (_, i) => i * 31 + 7);
  const fast = new Uint8Array(320);
  const naive = new Uint8Array(320);
  const differing: string[] = [];
  for (let length = 0; length <= 300; length++) {
    for (let alignment = 0; alignment < 8; alignment++) {
      for (let phase = 0; phase < 4; phase++) {
        fast.set(source);
        naive.set(source);
        applyMask(fast, alignment, alignment + length, toInteger(key), phase);
        naiveMask(naive, alignment, alignment + length, key, phase);
        // The octets on both sides must stay as they are, so all of the memory is compared.
        if (!fast.every((octet, i) => octet === naive[i])) {
          differing.push(`length ${length}, alignment ${alignment}, phase ${phase}`);
        }
      }
    }
  }
  assertEquals(differing, []);
});

test("applyMask goes by the alignment in memory, not in the view", () => {
  const key = decodeHex("80ff0001");
  for (let byteOffset = 0; byteOffset < 8; byteOffset++) {
    const fast = new Uint8Array(new ArrayBuffer(256), byteOffset, 200);
    const naive = new Uint8Array(200);
    applyMask(fast, 3, 200, toInteger(key), 1);
    naiveMask(naive, 3, 200, key, 1);
    assertEquals(encodeHex(fast), encodeHex(naive));
  }
});

test("applyMask takes the key as signed and as unsigned integer", () => {
  for (const key of [0xff_fe_fd_fc, 0xff_fe_fd_fc | 0]) {
    for (const phase of [0, 1, 2, 3, 4, 5, 1_048_575]) {
      const bytes = new Uint8Array(130);
      applyMask(bytes, 0, 130, key, phase);
      const expected = Uint8Array.from({ length: 130 }, (_, i) => 0xff - (i + phase) % 4);
      assertEquals(encodeHex(bytes), encodeHex(expected));
    }
  }
});

test("applyMask applied twice restores, and in pieces equals at once", () => {
  const key = 0x37fa213d;
  const source = Uint8Array.from({ length: 500 }, (_, i) => i);
  const whole = source.slice();
  applyMask(whole, 0, 500, key);
  for (const at of [0, 1, 2, 3, 4, 95, 96, 97, 250, 499, 500]) {
    const pieces = source.slice();
    applyMask(pieces, 0, at, key);
    applyMask(pieces, at, 500, key, at);
    assertEquals(encodeHex(pieces), encodeHex(whole));
  }
  applyMask(whole, 0, 500, key);
  assertEquals(encodeHex(whole), encodeHex(source));
});

test("createMaskingKey gives a fresh 32-bit key each time", () => {
  // More than twice the pool; by chance, 5,000 of 2^32 keys repeat one once in 340 runs, so one is allowed.
  const keys = Array.from({ length: 5000 }, createMaskingKey);
  assert(keys.every((key) => key === key >>> 0 || key === (key | 0)));
  assert(new Set(keys).size >= 4999, "Masking keys repeat");
});

test("createMaskingKey uses all 32 bits", () => {
  let ones = 0;
  let zeros = 0;
  for (let i = 0; i < 200; i++) {
    const key = createMaskingKey();
    ones |= key;
    zeros |= ~key;
  }
  assertEquals([ones, zeros], [-1, -1]);
});
