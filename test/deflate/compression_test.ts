import { assert, assertEquals, assertExists, assertThrows } from "@std/assert";
import { encodeHex } from "@std/encoding";
import {
  acceptCompression,
  type Compression,
  createCompression,
  judgeCompression,
} from "../../src/deflate/compression.ts";
import { offerDeflate } from "../../src/deflate/negotiation.ts";
import type { CompressionOptions } from "../../src/deflate/options.ts";
import {
  type ExtensionOffer,
  formatExtensions,
  parseExtensions,
} from "../../src/http/extension_header.ts";
import { backends, json } from "../support/deflate.ts";
import { test } from "../support/test.ts";

const parse = (value: string): readonly ExtensionOffer[] => parseExtensions(value)!;

function create(options: boolean | CompressionOptions = true): Compression {
  const compression = createCompression(options, backends.public);
  assertExists(compression);
  return compression;
}

test("createCompression is undefined for no compression, with and without DEFLATE", () => {
  assertEquals(createCompression(false, backends.public), undefined);
  assertEquals(createCompression(false, undefined), undefined);
});

test("createCompression throws where there is no DEFLATE to do it with", () => {
  for (const option of [true, {}]) {
    assertThrows(
      () => createCompression(option, undefined),
      TypeError,
      "Expected a runtime with DEFLATE for `compression`, got one without",
    );
  }
});

test("acceptCompression answers what it takes, with its transform", () => {
  const { extensions, transform } = acceptCompression(
    create({ contextTakeover: false, threshold: 7 }),
    parse("x-other, permessage-deflate; client_max_window_bits"),
  );
  assertEquals(
    formatExtensions(extensions),
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; " +
      "client_max_window_bits=12",
  );
  assertEquals(transform?.threshold, 7);
});

test("acceptCompression declines by saying nothing", () => {
  for (const offers of ["x-other", "permessage-deflate; unknown"]) {
    assertEquals(acceptCompression(create(), parse(offers)), {
      extensions: [],
      transform: undefined,
    });
  }
  assertEquals(acceptCompression(create(), []), { extensions: [], transform: undefined });
});

test("judgeCompression gives a transform, nothing, or a reason", () => {
  const compression = create();
  assertEquals(judgeCompression(compression, []), { extensions: [], transform: undefined });
  assertEquals(judgeCompression(compression, parse("x-other")), {
    reason: "Extension x-other was not offered",
  });
  const answers = parse("permessage-deflate");
  const judged = judgeCompression(compression, answers);
  assert("transform" in judged && judged.transform !== undefined);
  assertEquals(judged.extensions, answers);
});

test("Compression makes transforms of both ends that fit, for every pair of presets", () => {
  const presets = [true, { contextTakeover: false }, { windowBits: 15 }, { windowBits: 8 }];
  for (const one of presets) {
    for (const other of presets) {
      const [client, server] = [create(one), create(other)];
      const accepted = acceptCompression(server, [offerDeflate(client.options)]);
      const judged = judgeCompression(client, accepted.extensions);
      assert("transform" in judged && judged.transform && accepted.transform);
      for (const [from, to] of [[judged, accepted], [accepted, judged]] as const) {
        for (let i = 1; i < 4; i++) {
          const message = new TextEncoder().encode(json(6000, i));
          const plain = to.transform!.decode(from.transform!.encode(message), message.length);
          assert(typeof plain !== "string", `${plain}`);
          assertEquals(encodeHex(plain), encodeHex(message));
        }
      }
    }
  }
});

test("Compression makes a transform of its own for each connection", () => {
  const compression = create();
  const offers = parse("permessage-deflate");
  const [one, two] = [
    acceptCompression(compression, offers),
    acceptCompression(compression, offers),
  ];
  const hello = Uint8Array.of(0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00);
  const again = Uint8Array.of(0xf2, 0x00, 0x11, 0x00, 0x00);
  assert(typeof one.transform!.decode(hello, 5) !== "string");
  assert(typeof one.transform!.decode(again, 5) !== "string");
  assertEquals(two.transform!.decode(again, 5), "invalid");
});
