// Random frames, written by the plain codec of test/support/frames.ts: each way to read them gives the same.

import { assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import { type DecodedFrame, decodeFrame, encodeFrame, FrameParser } from "../../src/core.ts";
import { encodeFrames } from "../support/frames.ts";
import { cutAt } from "../support/split.ts";
import { test } from "../support/test.ts";
import { RUN, script, splits } from "./arbitraries.ts";

const key = fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }), { nil: undefined });

function line({ fin, opcode, payload, maskingKey }: DecodedFrame): string {
  const mask = maskingKey?.toString(16).padStart(8, "0");
  return `${fin} ${opcode} ${mask} ${encodeHex(payload)}`;
}

test("decodeFrame, FrameParser and encodeFrame agree with the plain codec", () => {
  fc.assert(
    fc.property(script, key, splits, ({ frames }, key, splits) => {
      const bytes = encodeFrames(...frames.map((frame) => ({ ...frame, key })));
      const expected = frames.map(({ fin = true, opcode, payload }) =>
        `${fin} ${opcode} ${key && encodeHex(key)} ${encodeHex(payload)}`
      );

      const one: DecodedFrame[] = [];
      for (let at = 0; at < bytes.length;) {
        const frame = decodeFrame(bytes.subarray(at))!;
        one.push(frame);
        at += frame.byteLength;
      }
      assertEquals(one.map(line), expected);

      const parser = new FrameParser();
      const points = splits.map((part) => Math.floor(part * bytes.length));
      const many = cutAt(bytes, points).flatMap((chunk) => [...parser.push(chunk)]);
      assertEquals(many.map(line), expected);
      assertEquals(many.map(({ byteLength }) => byteLength), one.map((frame) => frame.byteLength));
      assertEquals(parser.inFrame, false);

      const again = one.map(({ fin, opcode, payload, maskingKey }) =>
        encodeHex(encodeFrame({ fin, opcode, payload, mask: maskingKey ?? false }))
      );
      assertEquals(again.join(""), encodeHex(bytes));
    }),
    RUN,
  );
});
