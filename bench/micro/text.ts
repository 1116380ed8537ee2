// UTF-8: whole texts, and texts in pieces.

import { bench, do_not_optimize, group } from "mitata";
import { Utf8Validator } from "../../src/core.ts";
import { decodeUtf8 } from "../../src/util/utf8.ts";
import { createPayload } from "../generator/payload.ts";

const SIZES = [8, 20, 64, 256, 1024, 65_536];

for (const kind of ["text", "utf8"] as const) {
  const name = kind === "text" ? "ASCII" : "mixed";
  group(`decodeUtf8, ${name}`, () => {
    for (const size of SIZES) {
      const bytes = createPayload(kind, size, 1);
      bench(
        `decodeUtf8 ${size} B, ${name}`,
        () => do_not_optimize(decodeUtf8(bytes, 0, size)),
      );
    }
  });
  group(`Utf8Validator, ${name}`, () => {
    const validator = new Utf8Validator();
    for (const size of [64, 1024, 65_536]) {
      const bytes = createPayload(kind, size, 1);
      bench(
        `Utf8Validator ${size} B, ${name}`,
        () => do_not_optimize(validator.push(bytes, 0, size)),
      );
    }
  });
}
