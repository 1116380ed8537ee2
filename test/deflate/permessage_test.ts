import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import type { Bytes } from "../../src/util/bytes.ts";
import type { DeflateBackend } from "../../src/deflate/backend.ts";
import type { DeflateParameters } from "../../src/deflate/negotiation.ts";
import { type CompressionOptions, resolveCompression } from "../../src/deflate/options.ts";
import { PerMessageDeflate } from "../../src/deflate/permessage.ts";
import { backends, json, noise, reference } from "../support/deflate.ts";
import { naiveInflate } from "../support/inflate.ts";
import { test } from "../support/test.ts";

const TAKEOVER: DeflateParameters = {
  sendTakeover: true,
  sendWindowBits: 12,
  receiveTakeover: true,
  receiveWindowBits: 12,
};
const NO_TAKEOVER: DeflateParameters = { ...TAKEOVER, sendTakeover: false, receiveTakeover: false };
const HELLO = decodeHex("f248cdc9c90700");
const HELLO_AGAIN = decodeHex("f200110000");
const text = (value: string): Bytes => new TextEncoder().encode(value);

function create(
  backend: DeflateBackend,
  parameters: DeflateParameters = TAKEOVER,
  options: CompressionOptions = {},
): PerMessageDeflate {
  return new PerMessageDeflate(backend, parameters, resolveCompression(options)!);
}

function decoded(transform: PerMessageDeflate, payload: Uint8Array, maxLength = 1 << 20): string {
  const plain = transform.decode(payload, maxLength);
  return typeof plain === "string" ? plain : `plain ${new TextDecoder().decode(plain)}`;
}

for (const [name, backend] of Object.entries(backends)) {
  test(`PerMessageDeflate with ${name} decodes what it encodes, in any order of sizes`, () => {
    for (const parameters of [TAKEOVER, NO_TAKEOVER]) {
      const [sender, receiver] = [create(backend, parameters), create(backend, parameters)];
      for (const [i, size] of [1, 5000, 20, 4096, 1, 70_000, 300, 4095, 4097].entries()) {
        const message = i % 2 === 0 ? text(json(size, i + 1)) : noise(size, i + 1);
        const plain = receiver.decode(sender.encode(message), size);
        assert(typeof plain !== "string", `message ${i}: ${plain}`);
        assertEquals(encodeHex(plain), encodeHex(message));
      }
      sender.close();
      receiver.close();
    }
  });

  test(`PerMessageDeflate.decode with ${name} takes the context over when that was agreed`, () => {
    const transform = create(backend);
    assertEquals(decoded(transform, HELLO), "plain Hello");
    assertEquals(decoded(transform, HELLO_AGAIN), "plain Hello");
    assertEquals(decoded(transform, HELLO_AGAIN), "plain Hello");
    const without = create(backend, NO_TAKEOVER);
    assertEquals(decoded(without, HELLO), "plain Hello");
    assertEquals(decoded(without, HELLO_AGAIN), "invalid");
  });

  test(`PerMessageDeflate.decode with ${name} holds no more than the window`, () => {
    const transform = create(backend, { ...TAKEOVER, receiveWindowBits: 8 });
    assertEquals(decoded(transform, HELLO), "plain Hello");
    // 251 octets more, and then "Hello" is just in reach: distance 256.
    const message = noise(251, 4);
    const plain = transform.decode(stored(message), 251);
    assert(typeof plain !== "string");
    const far = reference(3, 256);
    assertEquals(naiveInflate(far, noise(256)).farthest, 256);
    assertEquals(decoded(transform, far), "plain Hel");
    const full = create(backend, { ...TAKEOVER, receiveWindowBits: 8 });
    full.decode(stored(noise(255)), 255);
    assertEquals(decoded(full, far), "invalid");
  });

  test(`PerMessageDeflate.decode with ${name} says what is wrong and never throws`, () => {
    const transform = create(backend);
    assertEquals(decoded(transform, decodeHex("ff")), "invalid");
    assertEquals(decoded(transform, HELLO, 4), "too long");
    // Neither has become part of the context.
    assertEquals(decoded(transform, HELLO_AGAIN), "invalid");
    assertEquals(decoded(transform, HELLO, 5), "plain Hello");
    assertEquals(decoded(transform, HELLO_AGAIN, 5), "plain Hello");
    assertEquals(decoded(transform, HELLO_AGAIN, 4), "too long");
  });

  test(`PerMessageDeflate.encode with ${name} leaves the end of the sync flush out`, () => {
    const transform = create(backend);
    assertEquals(encodeHex(transform.encode(text("Hello"))), encodeHex(HELLO));
    transform.close();
  });
}

test("PerMessageDeflate.encode takes the context over when that was agreed", () => {
  const message = text(json(1000));
  const sender = create(backends.handle);
  const first = sender.encode(message);
  const second = sender.encode(message);
  assertLessOrEqual(second.length * 5, first.length);
  assertEquals(encodeHex(naiveInflate(second, message).plain), encodeHex(message));
  sender.close();
  const without = create(backends.handle, NO_TAKEOVER);
  assertEquals(encodeHex(without.encode(message)), encodeHex(first));
  assertEquals(encodeHex(without.encode(message)), encodeHex(first));
  without.close();
});

test("PerMessageDeflate takes over in one direction alone", () => {
  const message = text(json(1000));
  for (const sendTakeover of [true, false]) {
    const parameters = { ...TAKEOVER, sendTakeover, receiveTakeover: !sendTakeover };
    const transform = create(backends.handle, parameters);
    const sizes = [transform.encode(message).length, transform.encode(message).length];
    assertEquals(sizes[1]! < sizes[0]!, sendTakeover);
    assertEquals(decoded(transform, HELLO), "plain Hello");
    assertEquals(decoded(transform, HELLO_AGAIN), sendTakeover ? "invalid" : "plain Hello");
    transform.close();
  }
});

test("PerMessageDeflate gives its settings to the deflater", () => {
  const made: unknown[] = [];
  const backend: DeflateBackend = {
    createDeflater(settings, takeover) {
      made.push({ ...settings, takeover });
      return { deflate: () => new Uint8Array(4), forget() {}, close: () => made.push("closed") };
    },
    inflate: () => "invalid",
  };
  const parameters = { ...TAKEOVER, sendWindowBits: 9, receiveWindowBits: 14 };
  const transform = create(backend, parameters, { level: 3, memoryLevel: 2, windowBits: 12 });
  assertEquals(made, [{ level: 3, memoryLevel: 2, windowBits: 9, takeover: true }]);
  transform.close();
  assertEquals(made.at(-1), "closed");
});

test("PerMessageDeflate.threshold is the option's, and never below 1", () => {
  for (const [threshold, expected] of [[0, 1], [1, 1], [128, 128]] as const) {
    const transform = create(backends.handle, TAKEOVER, { threshold });
    assertEquals(transform.threshold, expected);
  }
});

/** A message as a stored block. */
function stored(plain: Uint8Array): Uint8Array {
  const { length } = plain;
  const low = length & 255;
  const high = length >> 8;
  return Uint8Array.from([0, low, high, ~low & 255, ~high & 255, ...plain, 0]);
}
