// What a message is wrapped in between processes, octet by octet.

import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import {
  createOrigin,
  decodeEnvelope,
  encodeEnvelope,
  type Envelope,
  formatOrigin,
  Kind,
} from "../../src/topics/envelope.ts";
import { test } from "../support/test.ts";

const SAMPLE: Envelope = {
  kind: Kind.message,
  text: true,
  droppable: false,
  compress: true,
  origin: 0x1f_0203_0405_06 * 256 + 0x07,
  generation: 0x01020304,
  sequence: 0x0a0b_0c0d_0e0f,
  key: undefined,
  payload: new TextEncoder().encode("hi"),
};

/** Envelopes and their octets. */
const CASES: [name: string, envelope: Envelope, hex: string][] = [
  ["a text", SAMPLE, "0104001f0203040506070102030" + "40a0b0c0d0e0f6869"],
  [
    "droppable bytes that are not compressed, with a key",
    { ...SAMPLE, text: false, droppable: true, compress: false, key: "kä" },
    "0138001f02030405060701020304" + "0a0b0c0d0e0f" + "036bc3a4" + "6869",
  ],
  [
    "a repetition",
    { ...SAMPLE, kind: Kind.repeat, text: false, sequence: 1, payload: new Uint8Array() },
    "0101001f0203040506070102030400" + "0000000001",
  ],
  [
    "a message for a connection",
    {
      ...SAMPLE,
      kind: Kind.direct,
      generation: 0xffffffff,
      key: "ab-1",
      payload: new Uint8Array(),
    },
    "0127001f020304050607ffffffff0a0b0c0d0e0f" + "0461622d31",
  ],
];

test("an envelope has the octets that the format says, and is read back", () => {
  for (const [name, envelope, hex] of CASES) {
    const bytes = encodeEnvelope(envelope);
    assertEquals(encodeHex(bytes), hex, name);
    const read = decodeEnvelope(bytes) as Envelope;
    assertEquals({ ...read, payload: encodeHex(read.payload) }, {
      ...envelope,
      payload: encodeHex(envelope.payload),
    }, name);
  }
});

test("an envelope that is cut within its header or key is malformed", () => {
  for (const [name, envelope, hex] of CASES) {
    const bytes = decodeHex(hex);
    const start = bytes.length - envelope.payload.length;
    for (let length = 1; length < start; length++) {
      assertEquals(decodeEnvelope(bytes.subarray(0, length)), undefined, `${name}: ${length}`);
    }
    for (let length = start; length < bytes.length; length++) {
      const { payload } = decodeEnvelope(bytes.subarray(0, length)) as Envelope;
      assertEquals(payload.length, length - start, name);
    }
  }
});

test("an envelope with bits or numbers that have no meaning is malformed", () => {
  const wrong = [
    "",
    "00",
    "0144001f020304050607010203040a0b0c0d0e0f", // bit 6
    "0184001f020304050607010203040a0b0c0d0e0f", // bit 7
    "0104002f020304050607010203040a0b0c0d0e0f", // an origin of more than 53 bits
    "0104001f0203040506070102030" + "4000000000000", // sequence number 0
    "0124001f020304050607010203040a0b0c0d0e0f00", // an empty key
    "0124001f020304050607010203040a0b0c0d0e0f02c328", // a key that is not UTF-8
    "0107001f020304050607010203040a0b0c0d0e0f", // for a connection, without a name
  ];
  for (const hex of wrong) assertEquals(decodeEnvelope(decodeHex(hex)), undefined, hex);
});

test("another version is told apart, whatever follows", () => {
  for (const hex of ["02", "ff00", "03" + "00".repeat(40)]) {
    assertEquals(decodeEnvelope(decodeHex(hex)), decodeHex(hex)[0]);
  }
});

test("origins differ, and are 16 hexadecimal digits", () => {
  const origins = new Set(Array.from({ length: 100 }, createOrigin));
  assertEquals(origins.size, 100);
  for (const origin of origins) {
    assert(Number.isSafeInteger(origin));
    assert(/^00[01][0-9a-f]{13}$/.test(formatOrigin(origin)), formatOrigin(origin));
    const bytes = encodeEnvelope({ ...SAMPLE, origin });
    assertEquals((decodeEnvelope(bytes) as Envelope).origin, origin);
  }
});

test("random octets are read as nothing or as what writes them again", () => {
  let seed = 1;
  const random = (): number => seed = (seed * 48_271) % 2_147_483_647;
  for (let i = 0; i < 2_000; i++) {
    const bytes = Uint8Array.from({ length: random() % 40 }, () => random() & 0xff);
    bytes[0] = random() % 4 === 0 ? random() & 3 : 1;
    bytes[1] = random() & 0x3f;
    bytes[2] = 0;
    bytes[3] = random() & 0x1f;
    const read = decodeEnvelope(bytes);
    if (typeof read !== "object") continue;
    assertEquals(encodeHex(encodeEnvelope(read)), encodeHex(bytes));
  }
});
