import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { encodeHex } from "@std/encoding";
import { concat } from "../../src/util/bytes.ts";
import {
  checkSource,
  chunkSize,
  chunksOf,
  knownSize,
} from "../../src/connection/message_source.ts";
import { foreign, ForeignBlob } from "../support/realm.ts";
import { test } from "../support/test.ts";

test("chunksOf reads a Blob piece by piece", async () => {
  for (const size of [0, 1, 65_536, 65_537, 200_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => i % 251);
    for (const blob of [new Blob([bytes]), new ForeignBlob(bytes) as unknown as Blob]) {
      const pieces: Uint8Array[] = [];
      for await (const piece of chunksOf(blob)) pieces.push(piece);
      assertEquals(pieces.length, Math.ceil(size / 65_536));
      assertEquals(encodeHex(concat(pieces)), encodeHex(bytes));
    }
  }
});

test("knownSize counts the octets of an array of chunks, and of nothing else", () => {
  const cases: [Parameters<typeof knownSize>[0], number][] = [
    [["a", "", "\u00e9", "\u20ac", "\u{1d11e}"], 10],
    // Half a pair is what U+FFFD takes, though both halves take 4 together.
    [["\ud834", "\udd1e"], 6],
    [[new Uint8Array(3), new ArrayBuffer(4), new DataView(new ArrayBuffer(9), 2, 5)], 12],
    [[new Float64Array(2)], 16],
    [foreign<Uint8Array[]>("[new Uint8Array(1), new SharedArrayBuffer(2)]"), 3],
    [new Set(["a"]), 0],
    [
      {
        [Symbol.iterator](): Iterator<string> {
          throw new Error("asked too early");
        },
      },
      0,
    ],
  ];
  for (const [source, size] of cases) assertEquals(knownSize(source), size);
  assertEquals([chunkSize("\u20ac"), chunkSize(new Uint16Array(2))], [3, 4]);
});

test("checkSource takes whatever gives chunks", () => {
  const sources = [
    ["a", "b"],
    [new Uint8Array(1), new ArrayBuffer(1), new DataView(new ArrayBuffer(1))],
    foreign("[new Uint8Array(1), new SharedArrayBuffer(1)]"),
    new Set(["a"]),
    (function* () {})(),
    (async function* () {})(),
    new ReadableStream(),
  ];
  for (const source of sources) assertStrictEquals<unknown>(checkSource(source), source);
});

test("checkSource refuses an array that cannot be one message, and names sendJson()", () => {
  const cases: [readonly unknown[], string][] = [
    [[], "an empty array"],
    [[1, 2], "an array of number"],
    [[{}], "an array of Object"],
    [[null], "an array of null"],
    [["a", new Uint8Array(1)], "an array of string and Uint8Array"],
    [[new Uint8Array(1), "a"], "an array of Uint8Array and string"],
    [["a", "b", undefined], "an array of string and undefined"],
    [[["a"]], "an array of Array"],
  ];
  for (const [array, kinds] of cases) {
    const { message } = assertThrows(() => checkSource(array), TypeError);
    assertEquals(
      message,
      `Expected the chunks of one message, all strings or all bytes, got ${kinds}; ` +
        "to send an array as JSON, use sendJson()",
    );
  }
});

test("checkSource refuses what gives no chunks, and names sendJson()", () => {
  const cases: [unknown, string][] = [
    [{}, "Object"],
    [new Date(0), "Date"],
    [null, "null"],
    [undefined, "undefined"],
    [1, "number"],
    [() => {}, "function"],
    [{ [Symbol.toStringTag]: "Blob" }, "Blob"],
  ];
  for (const [value, kind] of cases) {
    const { message } = assertThrows(() => checkSource(value), TypeError);
    assertEquals(
      message,
      `Expected a string, bytes, a Blob, a PreparedMessage or the chunks of a message, got ${kind}; ` +
        "to send it as JSON, use sendJson()",
    );
  }
});
