// What other processes send: envelopes are read as nothing, as another version, or as what writes them again.

import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import { decodeEnvelope, encodeEnvelope, Kind } from "../../../src/topics/envelope.ts";
import type { Bytes } from "../../../src/util/bytes.ts";
import { mutated, type Stream } from "../mutate.ts";
import { samplesOf, type Target } from "../target.ts";

const envelopes: fc.Arbitrary<Stream> = fc.record({
  kind: fc.constantFrom(...Object.values(Kind)),
  text: fc.boolean(),
  droppable: fc.boolean(),
  compress: fc.boolean(),
  origin: fc.maxSafeNat(),
  generation: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  sequence: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
  key: fc.string({ minLength: 1, maxLength: 60 }),
  payload: fc.uint8Array({ maxLength: 40 }),
}).map((envelope) => ({ bytes: encodeEnvelope(envelope), marks: [1, 2, 10, 14, 20, 21] }));

/** Envelopes of topics. */
export const envelope: Target<null> = {
  name: "envelope",
  promise: "envelopes are read as nothing, as another version, or as what writes them again",
  file: "envelope.ts",
  samples: samplesOf(mutated(envelopes), fc.constant(null)),
  check(bytes: Bytes): void {
    const read = decodeEnvelope(bytes);
    if (read === undefined) return;
    if (typeof read === "number") {
      assertEquals(read, bytes[0]);
      assert(read > 1);
      return;
    }
    assertEquals(encodeHex(encodeEnvelope(read)), encodeHex(bytes));
  },
};
