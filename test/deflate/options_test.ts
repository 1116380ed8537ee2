import { assertEquals } from "@std/assert";
import { resolveCompression } from "../../src/deflate/options.ts";
import { test } from "../support/test.ts";

const PRESET = {
  level: 1,
  memoryLevel: 5,
  windowBits: 12,
  contextTakeover: true,
  threshold: 128,
  limitsPeer: false,
};

test("resolveCompression has no compression for false", () => {
  assertEquals(resolveCompression(false), undefined);
});

test("resolveCompression has its preset for true and for no option", () => {
  assertEquals(resolveCompression(true), PRESET);
  assertEquals(resolveCompression({}), PRESET);
});

test("resolveCompression keeps what is given", () => {
  const given = { level: 9, memoryLevel: 9, windowBits: 15, contextTakeover: false, threshold: 0 };
  assertEquals(resolveCompression(given), { ...given, limitsPeer: true });
  for (const key of ["level", "memoryLevel", "threshold"] as const) {
    assertEquals(resolveCompression({ [key]: 9 }), { ...PRESET, [key]: 9 });
  }
});

test("resolveCompression asks the peer for a window only when one is given", () => {
  assertEquals(resolveCompression({ windowBits: 12 }), { ...PRESET, limitsPeer: true });
});

test("resolveCompression has a threshold of 1,024 without context takeover, unless told", () => {
  assertEquals(resolveCompression({ contextTakeover: false })?.threshold, 1024);
  assertEquals(resolveCompression({ contextTakeover: false, threshold: 1 })?.threshold, 1);
  assertEquals(resolveCompression({ contextTakeover: true })?.threshold, 128);
});
