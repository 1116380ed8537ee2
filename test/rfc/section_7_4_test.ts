// RFC 6455 section 7.4: every status code from 0 to 5000, as received and as sent.

import { assertEquals, assertThrows } from "@std/assert";
import { decodeHex } from "@std/encoding";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { createProtocol, feed, takeFrames } from "../support/drive.ts";
import { test } from "../support/test.ts";

const hex = (code: number) => code.toString(16).padStart(4, "0");

/** The codes that may be on the wire, as ranges: section 7.4.1, the IANA registry, section 7.4.2. */
const allowed = [[1000, 1003], [1007, 1014], [3000, 4999]] as const;
const onWire = (code: number) => allowed.some(([from, to]) => code >= from && code <= to);

test("7.4 a received code is told, and echoed when it may be on the wire; else it fails with 1002", () => {
  const wrong: number[] = [];
  for (let code = 0; code <= 5000; code++) {
    const protocol = createProtocol("client");
    feed(protocol, [decodeHex(`8802${hex(code)}`)]);
    const [frame = ""] = takeFrames(protocol);
    const { wasClean, code: told, cause } = protocol.end(undefined);
    const right = onWire(code)
      ? frame === `88 ${hex(code)}` && wasClean
      : frame.startsWith("88 03ea") && !wasClean && cause instanceof ProtocolError &&
        cause.code === 1002 && cause.message.includes(`${code}`);
    if (!right || told !== code) wrong.push(code);
  }
  assertEquals(wrong, []);
});

test("7.4 close sends the codes that may be on the wire, and throws for all others", () => {
  for (let code = 0; code <= 5000; code++) {
    const protocol = createProtocol("server");
    if (onWire(code)) protocol.close(code, "");
    else assertThrows(() => protocol.close(code, ""), RangeError, `got ${code}`);
    assertEquals(takeFrames(protocol), onWire(code) ? [`88 ${hex(code)}`] : []);
  }
});

test("7.4.1 1005, 1006 and 1015 are never on the wire", () => {
  for (const code of [1005, 1006, 1015]) {
    const protocol = createProtocol("server");
    assertThrows(() => protocol.close(code, ""), RangeError);
    assertEquals(feed(protocol, [decodeHex(`888200000000${hex(code)}`)]), ["close"]);
    assertEquals(takeFrames(protocol)[0]?.slice(0, 7), "88 03ea");
  }
});

test("7.4.1 codes above 4999 fail with 1002", () => {
  for (const code of [5000, 9999, 32_768, 65_535]) {
    const protocol = createProtocol("client");
    assertEquals(feed(protocol, [decodeHex(`8802${hex(code)}`)]), ["close"]);
    assertEquals(takeFrames(protocol)[0]?.slice(0, 7), "88 03ea");
  }
});
