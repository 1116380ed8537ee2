// What fuzzing has found, as `npm run fuzz` writes it down.

import { decodeHex } from "@std/encoding";
import { test } from "../support/test.ts";
import { duplex, type DuplexOptions } from "./targets/duplex.ts";
import { inflate } from "./targets/leaves.ts";
import { responses } from "./targets/sessions.ts";

test("inflate() refuses a final block that takes what stands behind the message for its data", () => {
  const options = { history: "", maxLength: 1000 };
  inflate.check(decodeHex("010c00f3ff000000"), [], options);
  inflate.check(decodeHex("010900f6ff"), [], options);
  // Not final, it is a block of the octets that are not sent.
  inflate.check(decodeHex("000400fbff"), [], options);
  // The same octets as a message of its own.
  inflate.check(decodeHex("000900f6ff0000ffff010000ffff00"), [], options);
  inflate.check(decodeHex("010900f6ff0000ffff010000ffff"), [], options);
});

test("attach() survives a stream that transfers each chunk it is given, empty ones too", async () => {
  const options: DuplexOptions = {
    kind: "Duplex",
    given: "transfer",
    delay: 1,
    failsAfter: -1,
    gives: "own",
    highWaterMark: 16_384,
    chunks: "cuts",
    pace: 1,
    end: "in order",
  };
  // Three empty texts.
  const bytes = decodeHex("818000000000818000000000818000000000");
  for (let i = 0; i < 2; i++) await duplex.check(bytes, [6, 12], options);
});

test("what a client makes of an answer that begins like TLS does not depend on how that was cut", () =>
  responses.check(decodeHex("1500"), [], { pace: 0 }));
