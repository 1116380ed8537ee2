// What fuzzing has found, as `npm run fuzz` writes it down.

import { decodeHex } from "@std/encoding";
import { test } from "../support/test.ts";
import { inflate } from "./targets/leaves.ts";

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
