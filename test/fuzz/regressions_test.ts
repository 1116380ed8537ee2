// What fuzzing has found, as `npm run fuzz` writes it down.

import { decodeHex } from "@std/encoding";
import { test } from "../support/test.ts";
import { duplex, type DuplexOptions } from "./targets/duplex.ts";
import { history } from "./targets/history.ts";
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

const schedule = { outage: "drop", consecutive: false, size: 3 } as const;

test("a page that got a history before anything came live misses nothing behind it", () =>
  history.check(decodeHex("db005d00000044"), [], schedule));

test("a page that got the history of a new epoch gets no message of the last one", () =>
  history.check(decodeHex("bb2d009fee5b1c00"), [], schedule));

test("a page that came while the store was away gets nothing that it said it has", () =>
  history.check(decodeHex("98cd905c5d3bc42f3bbd"), [], schedule));
