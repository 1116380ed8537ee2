// What differs between the two ways to zlib: the handle keeps contexts, some; and which of them is used.

import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import {
  chooseBackend,
  handleBackend,
  MAX_CONTEXTS,
  zlibBackend,
} from "../../../runtimes/shared/zlib.ts";
import { publicBackend } from "../../../runtimes/shared/zlib_public.ts";
import type { Bytes } from "../../../src/util/bytes.ts";
import type { DeflateBackend, DeflateSettings } from "../../../src/deflate/backend.ts";
import { json } from "../../support/deflate.ts";
import { naiveInflate } from "../../support/inflate.ts";
import { test } from "../../support/test.ts";

const SETTINGS: DeflateSettings = { level: 1, memoryLevel: 5, windowBits: 12 };
const HELLO = "f248cdc9c90700";
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const text = (value: string): Bytes => encoder.encode(value);

/** A message as it is sent. */
function payload(deflated: Bytes): Bytes {
  return deflated.subarray(0, -4);
}

function inflated(backend: DeflateBackend, data: Bytes, history: Bytes): string {
  const plain = backend.inflate(data, history, 1 << 20);
  return typeof plain === "string" ? plain : decoder.decode(plain);
}

test("handle compresses what repeats the messages before to a few octets", () => {
  const deflater = handleBackend.createDeflater(SETTINGS, true);
  const data = text(json(1000));
  const first = payload(deflater.deflate(data));
  const second = payload(deflater.deflate(data));
  assertLessOrEqual(second.length * 5, first.length);
  assertEquals(encodeHex(naiveInflate(second, data).plain), encodeHex(data));
  deflater.close();
  assertEquals(payload(deflater.deflate(data)).length, first.length);
  deflater.close();
});

test("public compresses every message by itself, which needs no memory of those before", () => {
  const deflater = publicBackend.createDeflater(SETTINGS, true);
  const data = text(json(1000));
  const first = encodeHex(payload(deflater.deflate(data)));
  assertEquals(encodeHex(payload(deflater.deflate(data))), first);
  deflater.close();
});

test("handle keeps the contexts of the latest senders, and the others go on without", () => {
  const senders = Array.from({ length: MAX_CONTEXTS + 40 }, (_, i) => {
    const deflater = handleBackend.createDeflater(SETTINGS, true);
    return { deflater, plain: text(json(400, i + 1)), sizes: [] as number[] };
  });
  const send = ({ deflater, plain, sizes }: typeof senders[number], history: Bytes): void => {
    const data = payload(deflater.deflate(plain));
    // Whoever receives still has its context, which is no harm.
    assertEquals(inflated(handleBackend, data, history), decoder.decode(plain));
    sizes.push(data.length);
  };
  const before = text("no context yet");
  for (const sender of senders) send(sender, before);
  // In reverse, so that the ones with a context come first.
  for (const sender of [...senders].reverse()) send(sender, sender.plain);
  const sizes = senders.map(({ sizes: [first = 0, second = 0] }) => second < first / 4);
  assertEquals(sizes.filter((small) => small).length, MAX_CONTEXTS);
  assertEquals(sizes.slice(0, 40).includes(true), false);
  // The ones that had lost theirs have a new one now.
  for (const sender of senders.slice(0, 40)) send(sender, sender.plain);
  assert(senders.slice(0, 40).every(({ sizes }) => sizes[2]! < sizes[0]! / 4));
  for (const { deflater } of senders) deflater.close();
});

test("handle closes what is closed already, and what was never used", () => {
  const deflater = handleBackend.createDeflater(SETTINGS, true);
  deflater.close();
  deflater.deflate(text("Hello"));
  deflater.close();
  deflater.close();
  assertEquals(encodeHex(payload(deflater.deflate(text("Hello")))), HELLO);
  deflater.close();
});

test("chooseBackend takes the handle on every runtime that the tests run on", () => {
  assertStrictEquals(chooseBackend(handleBackend), handleBackend);
  assertStrictEquals(chooseBackend(publicBackend), publicBackend);
});

test("chooseBackend falls back when a candidate does not do what it must", () => {
  const { createDeflater, inflate } = handleBackend;
  const throws = (): never => {
    throw new TypeError("writeSync is not a function");
  };
  const broken: Record<string, Partial<DeflateBackend>> = {
    "throws when made": { createDeflater: throws },
    "throws when inflating": { inflate: throws },
    "gives no output": {
      createDeflater: () => ({ deflate: () => text(""), forget() {}, close() {} }),
    },
    "forgets its context": { createDeflater: (settings) => createDeflater(settings, false) },
    "ignores the window": { inflate: (data, _window, most) => inflate(data, undefined, most) },
    "ignores the limit": { inflate: (data, window) => inflate(data, window, Infinity) },
    "finds all data valid": {
      inflate(data, window, most) {
        const plain = inflate(data, window, most);
        return plain === "invalid" ? text("") : plain;
      },
    },
    "gives other octets": {
      inflate(data, window, most) {
        const plain = inflate(data, window, most);
        return typeof plain === "string" ? plain : plain.map((octet) => octet ^ 1);
      },
    },
  };
  for (const [what, part] of Object.entries(broken)) {
    assertStrictEquals(chooseBackend({ ...handleBackend, ...part }), publicBackend, what);
  }
});

test("zlibBackend deflates and inflates", () => {
  const deflater = zlibBackend.createDeflater(SETTINGS, true);
  assertEquals(encodeHex(payload(deflater.deflate(text("Hello")))), HELLO);
  const second = payload(deflater.deflate(text("Hello")));
  assert(second.length < HELLO.length / 2);
  assertEquals(inflated(zlibBackend, second, text("Hello")), "Hello");
  deflater.close();
});
