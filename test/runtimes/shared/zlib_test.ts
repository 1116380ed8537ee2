// Both ways to zlib through one suite, with a DEFLATE reader of the tests' own as the judge (support/inflate.ts).

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import fc from "fast-check";
import { constants, deflateRawSync, inflateRawSync, type ZlibOptions } from "node:zlib";
import {
  inflateMessage,
  type InflateRun,
  writeStoredHeader,
} from "../../../runtimes/shared/zlib_blocks.ts";
import { type Bytes, concat } from "../../../src/util/bytes.ts";
import type { DeflateBackend, DeflateSettings } from "../../../src/deflate/backend.ts";
import { backends, json, noise, reference } from "../../support/deflate.ts";
import { naiveInflate } from "../../support/inflate.ts";
import { test } from "../../support/test.ts";

const SETTINGS: DeflateSettings = { level: 1, memoryLevel: 5, windowBits: 12 };
const HELLO = "f248cdc9c90700";
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const text = (value: string): Bytes => encoder.encode(value);

/** A message as it is sent: without the end of the sync flush, which must be there. */
function payload(deflated: Bytes): Bytes {
  assertEquals(encodeHex(deflated.slice(-4)), "0000ffff");
  return deflated.subarray(0, -4);
}

/** A message as another implementation may send it. */
function deflated(plain: Uint8Array, options: ZlibOptions = {}): Uint8Array {
  return deflateRawSync(plain, { ...options, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** What inflating gives, as text or as the word for what is wrong. */
function inflated(
  backend: DeflateBackend,
  data: string | Uint8Array,
  history = "",
  maxLength = 1 << 20,
): string {
  const bytes = typeof data === "string" ? decodeHex(data) : data;
  const dictionary = history === "" ? undefined : text(history);
  const plain = backend.inflate(bytes, dictionary, maxLength);
  return typeof plain === "string" ? plain : `plain ${decoder.decode(plain)}`;
}

function assertBytes(actual: Uint8Array | string, expected: Uint8Array, what = ""): void {
  assert(typeof actual !== "string", `${what}: ${actual}`);
  assertEquals(actual.length, expected.length, what);
  assert(actual.every((octet, i) => octet === expected[i]), `${what}: other octets`);
}

/** Octets that are copied from one array to another while `body` runs. */
function copied(body: () => unknown): number {
  const prototype = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
  const { set, slice } = prototype;
  let count = 0;
  prototype.set = function (this: Uint8Array, source: ArrayLike<number>, offset?: number): void {
    count += source.length;
    set.call(this, source, offset);
  };
  prototype.slice = function (this: Uint8Array, start?: number, end?: number) {
    const result = slice.call(this, start, end);
    count += result.length;
    return result;
  } as Uint8Array["slice"];
  try {
    body();
  } finally {
    Object.assign(prototype, { set, slice });
  }
  return count;
}

for (const [name, backend] of Object.entries(backends)) {
  test(`${name} deflates at every level, memory level and window what any reader inflates`, () => {
    const plain = concat([text(json(3000)), noise(300)]);
    for (let level = 0; level <= 9; level++) {
      for (const memoryLevel of [1, 5, 9]) {
        for (let windowBits = 8; windowBits <= 15; windowBits++) {
          const settings = { level, memoryLevel, windowBits };
          const data = payload(backend.createDeflater(settings, false).deflate(plain));
          const what = JSON.stringify(settings);
          assertBytes(naiveInflate(data).plain, plain, what);
          assertBytes(backend.inflate(data, undefined, plain.length), plain, what);
        }
      }
    }
  });

  test(`${name} refers no further back than the window`, () => {
    for (let windowBits = 8; windowBits <= 15; windowBits++) {
      const size = 1 << windowBits;
      for (const level of [1, 9]) {
        const deflater = backend.createDeflater({ level, memoryLevel: 8, windowBits }, true);
        // Repeats just within the window, just beyond it, and from a message before.
        const history: Uint8Array[] = [];
        for (const length of [size - 300, size, size + 50, 3 * size]) {
          const unit = noise(Math.max(length, 64), 7);
          const plain = concat([unit, unit]);
          const data = payload(deflater.deflate(plain));
          const result = naiveInflate(data, concat(history));
          assertBytes(result.plain, plain);
          assertLessOrEqual(result.farthest, size);
          history.push(plain);
        }
        deflater.close();
      }
    }
  });

  test(`${name} inflates what needs the whole window`, () => {
    for (let windowBits = 9; windowBits <= 15; windowBits++) {
      // zlib keeps 262 octets of the window to itself.
      const unit = noise((1 << windowBits) - 262, 3);
      const plain = concat([unit, unit]);
      const data = deflated(plain, { windowBits });
      assertLessOrEqual(data.length, unit.length * 1.1 + 40);
      assertBytes(backend.inflate(data, undefined, plain.length), plain);
    }
    // A distance of all 32,768 octets, into the message before.
    const history = noise(32_768, 9);
    const far = reference(3, 32_768);
    assertEquals(naiveInflate(far, history).farthest, 32_768);
    assertBytes(backend.inflate(far, history, 3), history.subarray(0, 3));
    assertEquals(backend.inflate(far, history.subarray(1), 3), "invalid");
  });

  test(`${name} deflates by itself what has no takeover`, () => {
    const deflater = backend.createDeflater(SETTINGS, false);
    const data = text(json(2000));
    const first = encodeHex(payload(deflater.deflate(data)));
    assertEquals(encodeHex(payload(deflater.deflate(data))), first);
    const other = backend.createDeflater(SETTINGS, false);
    assertEquals(encodeHex(payload(other.deflate(data))), first);
    deflater.close();
    assertEquals(encodeHex(payload(other.deflate(data))), first);
  });

  test(`${name} inflates what refers to the bytes before, and only with those`, () => {
    assertEquals(inflated(backend, "f200110000", "Hello"), "plain Hello");
    assertEquals(inflated(backend, "f200110000", "Howdy"), "plain Howdy");
    assertEquals(inflated(backend, "f200110000"), "invalid");
    assertEquals(inflated(backend, "f200110000", "Hel"), "invalid");
  });

  test(`${name} inflates each block type`, () => {
    assertEquals(inflated(backend, HELLO), "plain Hello");
    assertEquals(inflated(backend, "000500faff48656c6c6f00"), "plain Hello");
    assertEquals(inflated(backend, "f24805000000ffffcac9c90700"), "plain Hello");
    const plain = text(json(70_000));
    const { Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED } = constants;
    const ways: ZlibOptions[] = [{ level: 0 }, { level: 9 }, { memLevel: 1 }];
    for (const strategy of [Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED]) ways.push({ strategy });
    for (const way of ways) {
      assertBytes(backend.inflate(deflated(plain, way), undefined, plain.length), plain);
    }
  });

  test(`${name} inflates an empty message`, () => {
    assertEquals(inflated(backend, "00"), "plain ");
    assertEquals(inflated(backend, "00", "Hello"), "plain ");
    assertEquals(inflated(backend, "0200"), "plain ");
    assertEquals(inflated(backend, ""), "plain ");
    assertEquals(inflated(backend, "00", "", 0), "plain ");
  });

  test(`${name} inflates blocks with BFINAL and what follows them`, () => {
    const final = "f348cdc9c90700";
    assertEquals(inflated(backend, final), "plain Hello");
    assertEquals(inflated(backend, final + "00"), "plain Hello");
    assertEquals(inflated(backend, final + final), "plain HelloHello");
    assertEquals(inflated(backend, final + HELLO), "plain HelloHello");
    assertEquals(inflated(backend, HELLO + "0000ffff" + final), "plain HelloHello");
    assertEquals(inflated(backend, final + "0000"), "invalid");
    assertEquals(inflated(backend, final + "ff"), "invalid");
    // Behind a final block the context goes on: the message's own bytes, and those before it.
    assertEquals(inflated(backend, final + "f200110000"), "plain HelloHello");
    const stored = "010200fdff2120";
    assertEquals(inflated(backend, stored + encodeHex(reference(5, 7)), "Hello"), "plain ! Hello");
    assertEquals(inflated(backend, final.repeat(60)), `plain ${"Hello".repeat(60)}`);
    // A block with no octet in it is paid by none of the message's own.
    assertEquals(inflated(backend, "0300".repeat(4)), "plain ");
    assertEquals(inflated(backend, "0300".repeat(60)), "invalid");
    assertEquals(inflated(backend, "0300" + HELLO, json(32_000)), "plain Hello");
    assertEquals(inflated(backend, "0300".repeat(4), json(32_000)), "invalid");
    assertEquals(inflated(backend, final.repeat(3), "", 14), "too long");
    assertEquals(inflated(backend, final.repeat(3), "", 15), "plain HelloHelloHello");
  });

  test(`${name} inflates what looks like the tail that it puts behind a message`, () => {
    // Each length that the tail has; which one comes next is not known, so that many messages meet all.
    for (let round = 0; round < 8; round++) {
      for (const filler of [0, 6, 14, 22]) {
        const tail = `0000ffff01${encodeHex(Uint8Array.of(filler, 0, ~filler, 0xff))}`;
        for (const filled of [tail, tail + "ff".repeat(filler)]) {
          const plain = concat([text("Hello"), decodeHex(filled)]);
          const history = encodeHex(deflated(plain));
          assertBytes(backend.inflate(decodeHex(history), undefined, 200), plain, filled);
          // A block that takes the tail for its own, and ends with it.
          const length = 4 + 5 + filler;
          const swallow = Uint8Array.of(1, length, 0, ~length, 0xff);
          assertEquals(backend.inflate(swallow, undefined, 200), "invalid", filled);
        }
      }
    }
  });

  test(`${name} inflates up to maxLength whatever stands behind a message`, () => {
    // Around the size of the buffer that output lands in first.
    for (let length = 65_536 - 40; length <= 65_536 + 4; length += 4) {
      const plain = noise(length);
      for (const level of [0, 1]) {
        const data = deflated(plain, { level });
        assertBytes(backend.inflate(data, undefined, length), plain, `${length}`);
        assertBytes(backend.inflate(data, noise(32_768, 5), length), plain, `${length}`);
        assertEquals(backend.inflate(data, undefined, length - 1), "too long", `${length}`);
      }
    }
  });

  test(`${name} copies no more for final blocks than for the message without`, () => {
    const empty = decodeHex("0300");
    const repeat = (count: number): Bytes => concat(Array.from({ length: count }, () => empty));
    const zeros = new Uint8Array(1 << 20);
    const bomb = deflated(zeros);
    const ended = deflateRawSync(zeros);
    const stored = deflated(noise(1 << 20), { level: 0 });
    const context = noise(32_768);
    const table: readonly (readonly [string, Uint8Array, Uint8Array, Bytes | undefined])[] = [
      ["behind it", bomb, concat([ended, repeat(61), Uint8Array.of(0)]), undefined],
      ["behind it, with a context", bomb, concat([ended, repeat(61)]), context],
      ["in front of it", bomb, concat([repeat(10), bomb]), undefined],
      ["in front of it, with a context", bomb, concat([repeat(8), bomb]), context],
      ["in front of what is stored", stored, concat([repeat(61), stored]), undefined],
    ];
    const limit = 1 << 20;
    for (const [what, plain, many, dictionary] of table) {
      const before = copied(() => backend.inflate(plain, dictionary, limit));
      const after = copied(() => backend.inflate(many, dictionary, limit));
      // What zlib itself writes is the same, and counted where it is copied.
      assertLessOrEqual(after, (before + limit) * 1.5, what);
    }
  });

  test(`${name} finds data invalid that is not DEFLATE`, () => {
    const table = [
      "ff", // the reserved block type
      "07",
      "000500faef48656c6c6f00", // length and complement differ
      "00050000004865",
      "f200110000", // reaches back to before the first octet
      "48656c6c6f",
      "6e6f74206465666c61746520617420616c6c",
    ];
    for (const data of table) assertEquals(inflated(backend, data), "invalid", data);
    // What fails leaves nothing behind.
    assertEquals(inflated(backend, HELLO), "plain Hello");
  });

  test(`${name} finds data invalid that is cut short anywhere`, () => {
    const plain = text(json(300));
    const messages = [decodeHex(HELLO), deflated(plain), deflated(plain, { level: 9 })];
    messages.push(decodeHex("000500faff48656c6c6f00"), deflated(plain, { strategy: 4 }));
    for (const message of messages) {
      for (let length = 1; length < message.length; length++) {
        const cut = message.subarray(0, length);
        let expected: string;
        try {
          // The four octets that are not sent may end a stored block that lacks as many (section 7.2.2).
          expected = `plain ${decoder.decode(naiveInflate(cut).plain)}`;
        } catch {
          expected = "invalid";
        }
        assertEquals(inflated(backend, cut), expected, encodeHex(cut));
      }
    }
  });

  test(`${name} stops at maxLength`, () => {
    const plain = text(json(5000));
    const data = deflated(plain);
    for (const history of ["", "Hello", json(4096)]) {
      assertEquals(inflated(backend, data, history, 5000), `plain ${decoder.decode(plain)}`);
      for (const most of [4999, 100, 1, 0]) {
        assertEquals(inflated(backend, data, history, most), "too long");
      }
    }
  });

  test(`${name} keeps every octet where output fills a buffer to its end`, () => {
    // 65,536 octets of output are one buffer of ours, 16,384 one of zlib's own.
    const deflater = backend.createDeflater({ ...SETTINGS, level: 0 }, false);
    for (const round of [16_384, 65_536, 131_072]) {
      for (let length = round - 24; length <= round + 24; length++) {
        const plain = noise(length, length);
        const data = payload(deflater.deflate(plain));
        assertBytes(backend.inflate(data, undefined, length), plain, `${length}`);
        assertEquals(backend.inflate(data, undefined, length - 1), "too long");
        const history = noise(4096, 5);
        assertBytes(backend.inflate(data, history, length), plain, `${length} with history`);
      }
    }
  });

  test(`${name} inflates into memory that no other message uses`, () => {
    const hello = decodeHex(HELLO);
    const [one, two] = [0, 1].map(() => backend.inflate(hello, undefined, 5) as Bytes);
    one!.fill(0);
    assertEquals(decoder.decode(two), "Hello");
    assertEquals([one!.buffer.byteLength, encodeHex(hello)], [5, HELLO]);
    const deflater = backend.createDeflater(SETTINGS, true);
    const [first, second] = [0, 1].map(() => deflater.deflate(text("Hello")));
    second!.fill(0);
    assertEquals(encodeHex(first!.subarray(0, 7)), HELLO);
    assertEquals(first!.buffer.byteLength, 11);
    deflater.close();
  });

  test(`${name} inflates any messages that were deflated, each with those before it`, () => {
    const message = fc.record({
      words: fc.array(fc.constantFrom("alpha", "beta", "gamma", " ", "{}"), { maxLength: 200 }),
      noise: fc.nat(5000),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), fc.boolean(), (messages, takeover) => {
        const deflater = backend.createDeflater(SETTINGS, takeover);
        let history: Bytes = new Uint8Array();
        for (const [i, { words, noise: length }] of messages.entries()) {
          const plain = concat([text(words.join("")), noise(length, i + 1), Uint8Array.of(0)]);
          const data = payload(deflater.deflate(plain));
          const dictionary = takeover && history.length > 0 ? history : undefined;
          assertBytes(backend.inflate(data, dictionary, plain.length), plain);
          history = concat([history, plain]).subarray(-4096);
        }
        deflater.close();
      }),
      { numRuns: 60 },
    );
  });

  test(`${name} takes any octets without throwing, and agrees with the plain reader`, () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      // Good data with one octet changed comes further than noise does.
      fc.tuple(fc.nat(60), fc.nat(255)).map(([at, octet]) => {
        const data = Uint8Array.from(deflated(text(json(120))));
        data[at % data.length] = octet;
        return data;
      }),
    );
    fc.assert(
      fc.property(octets, (data) => {
        const result = backend.inflate(data, undefined, 1 << 20);
        let expected: Uint8Array | undefined;
        try {
          expected = naiveInflate(data).plain;
        } catch {
          return;
        }
        // zlib alone refuses codes that are incomplete, which the plain reader does not look for.
        if (result !== "invalid") assertBytes(result, expected);
      }),
      { numRuns: 2000 },
    );
  });
}

/** A run as `inflateMessage()` asks for it, by documented functions; `work` counts the octets that zlib writes. */
function countingRun(work: { octets: number; runs: number }): InflateRun {
  return (window, data, tail, maxLength) => {
    work.runs++;
    const before = new Uint8Array(5 + window.length);
    writeStoredHeader(before, window.length);
    before.set(window, 5);
    const input = concat([before, data, tail.bytes.subarray(0, tail.length)]);
    try {
      const options = { info: true, maxOutputLength: window.length + maxLength + tail.filler };
      const { buffer, engine } = inflateRawSync(input, options as object) as unknown as {
        buffer: Uint8Array;
        engine: { bytesWritten: number };
      };
      work.octets += buffer.length;
      const used = engine.bytesWritten - before.length;
      const dropped = used === data.length + tail.length ? tail.filler : 0;
      return { output: buffer.slice(window.length, buffer.length - dropped) as Bytes, used };
    } catch {
      return "invalid";
    }
  };
}

test("inflateMessage works at most half as much again for final blocks, or finds them invalid", () => {
  const measure = (data: Uint8Array, dictionary?: Bytes, limit = 1 << 20) => {
    const work = { octets: 0, runs: 0 };
    const plain = inflateMessage(countingRun(work), data, dictionary, limit);
    return { ...work, plain: typeof plain === "string" ? plain : plain.length };
  };
  const zeros = (size: number): Bytes => new Uint8Array(size);
  const empty = (count: number): Bytes => decodeHex("0300".repeat(count)) as Bytes;
  const context = noise(32_768);
  for (const size of [1 << 20, 1 << 18, 1 << 16]) {
    const bomb = deflated(zeros(size));
    const most = measure(bomb, context, size).octets;
    for (const finals of [1, 2, 8, 15, 16, 62, 500]) {
      for (
        const message of [
          concat([deflateRawSync(zeros(size)), empty(finals)]),
          concat([empty(finals), bomb]),
          concat([deflateRawSync(zeros(size / 2)), empty(finals), deflated(zeros(size / 2))]),
        ]
      ) {
        const what = `${size} and ${finals} final blocks`;
        for (const dictionary of [undefined, context]) {
          const { octets, runs, plain } = measure(message, dictionary, size);
          // Each start is worth 3,072 octets of zlib's time, and one may have a whole window whatever the message.
          const starts = (runs - 1) * 3_072;
          assertLessOrEqual(octets + starts, 1.5 * most + 35_840, what);
          if (finals <= 2 && size > 1 << 16) assertEquals(plain, size, what);
          if (finals === 500) assertEquals(plain, "invalid", what);
        }
      }
    }
  }
});

test("inflateMessage takes a final block for each fragment of a large message", () => {
  for (const [backend, count] of [[backends.handle, 16], [backends.public, 8]] as const) {
    const pieces = Array.from({ length: count }, (_, i) => text(json(60_000, i + 1)));
    const message = concat(pieces.map((piece) => deflateRawSync(piece)));
    assertBytes(backend.inflate(message, undefined, 1 << 20), concat(pieces));
  }
});

test("inflateMessage seldom runs twice for what ends as its tail, which is not to be foreseen", () => {
  const work = { octets: 0, runs: 0 };
  const run = countingRun(work);
  const plain = concat([new Uint8Array(1000), decodeHex("0000ffff010600f9ff")]);
  const message = deflated(plain);
  for (let i = 0; i < 400; i++) assertBytes(inflateMessage(run, message, undefined, 2000), plain);
  // One in four on average: 500.
  assertLessOrEqual(work.runs, 600);
});
