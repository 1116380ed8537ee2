// The examples of RFC 7692: those of section 7.1 through the negotiation, those of section 7.2.3 through a whole
// server's protocol, as frames and as octets, in every split.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeHex } from "@std/encoding";
import type { DeflateBackend } from "../../src/deflate/backend.ts";
import { acceptDeflate, judgeDeflate } from "../../src/deflate/negotiation.ts";
import { type CompressionOptions, resolveCompression } from "../../src/deflate/options.ts";
import { PerMessageDeflate } from "../../src/deflate/permessage.ts";
import { formatExtensions, parseExtensions } from "../../src/http/extension_header.ts";
import { Protocol } from "../../src/protocol/protocol.ts";
import { backends } from "../support/deflate.ts";
import { feed, LIMITS, takeAll, takeFrames } from "../support/drive.ts";
import { encodeFrames, type NaiveFrame } from "../support/frames.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";

const KEY = decodeHex("37fa213d");
const TEXT = 1;
const CONTINUATION = 0;
const RSV1 = 4;

function answer(offers: string, options: CompressionOptions = { windowBits: 15 }): string {
  const accepted = acceptDeflate(parseExtensions(offers)!, resolveCompression(options)!);
  return accepted === undefined ? "" : formatExtensions([accepted.answer]);
}

/** What a client with these options makes of an answer: "taken", or why it fails. */
function judged(answer: string, options: CompressionOptions = { windowBits: 15 }): string {
  const result = judgeDeflate(parseExtensions(answer)!, resolveCompression(options)!);
  return result === undefined ? "declined" : "reason" in result ? result.reason : "taken";
}

test("RFC 7692 7.1 a plain offer and its plain acceptance", () => {
  assertEquals(answer("permessage-deflate"), "permessage-deflate");
  assertEquals(judged("permessage-deflate"), "taken");
});

test("RFC 7692 7.1 an offer with a fallback: the preferred one is taken", () => {
  const offers = "permessage-deflate; client_max_window_bits; server_max_window_bits=10, " +
    "permessage-deflate; client_max_window_bits";
  assertEquals(answer(offers), "permessage-deflate; server_max_window_bits=10");
  assertEquals(
    answer(offers.replace("=10", "=7"), { windowBits: 10 }),
    "permessage-deflate; client_max_window_bits=10",
  );
});

test("RFC 7692 5.1 and 7 an extension that the server does not have is declined", () => {
  assertEquals(answer("x-webkit-deflate-frame"), "");
  assertEquals(answer("permessage-foo; x=10"), "");
  assertEquals(answer("permessage-foo, permessage-deflate"), "permessage-deflate");
});

test("RFC 7692 7.1.1.1 and 7.1.1.2 who has no context takeover", () => {
  const both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  assertEquals(answer(both), both);
  assertEquals(judged(both), "taken");
  // A server may ask for what was not offered, of either.
  assertEquals(judged("permessage-deflate; client_no_context_takeover"), "taken");
  assertEquals(judged("permessage-deflate; server_no_context_takeover"), "taken");
  // What the client asked for must be granted.
  assertStringIncludes(
    judged("permessage-deflate", { contextTakeover: false }),
    "server_no_context_takeover",
  );
});

test("RFC 7692 7.1.2.1 server_max_window_bits=10 is granted, or less", () => {
  const offer = "permessage-deflate; server_max_window_bits=10";
  assertEquals(answer(offer), offer);
  assertEquals(answer(offer, { windowBits: 9 }), "permessage-deflate; server_max_window_bits=9");
  assertEquals(judged(offer, { windowBits: 10 }), "taken");
  assertStringIncludes(judged("permessage-deflate", { windowBits: 10 }), "server_max_window_bits");
});

test("RFC 7692 7.1.2.2 client_max_window_bits is a hint with no value, and a limit with one", () => {
  assertEquals(
    answer("permessage-deflate; client_max_window_bits", { windowBits: 11 }),
    "permessage-deflate; client_max_window_bits=11",
  );
  assertEquals(
    answer("permessage-deflate; client_max_window_bits=10"),
    "permessage-deflate; client_max_window_bits=10",
  );
  assertEquals(answer("permessage-deflate", { windowBits: 11 }), "permessage-deflate");
});

const HELLO = "f248cdc9c90700";
const AGAIN = "f200110000";
type Example = readonly [name: string, frames: readonly NaiveFrame[], messages: readonly string[]];

function frame(payload: string, rest: Partial<NaiveFrame> = {}): NaiveFrame {
  const opcode = TEXT;
  return { opcode, reserved: RSV1, payload: decodeHex(payload), key: KEY, ...rest };
}

const examples: readonly Example[] = [
  ["7.2.3.1 a message in one block", [frame(HELLO)], ["Hello"]],
  ["7.2.3.1 the same in two frames", [
    frame("f248cd", { fin: false }),
    frame("c9c90700", { opcode: CONTINUATION, reserved: 0 }),
  ], ["Hello"]],
  ["7.2.3.2 two messages that share a window", [frame(HELLO), frame(AGAIN)], ["Hello", "Hello"]],
  ["7.2.3.2 two messages that do not", [frame(HELLO), frame(HELLO)], ["Hello", "Hello"]],
  ["7.2.3.3 a block with no compression", [frame("000500faff48656c6c6f00")], ["Hello"]],
  ["7.2.3.4 a block with BFINAL set to 1", [frame("f348cdc9c9070000")], ["Hello"]],
  ["7.2.3.5 two blocks in one message", [frame("f24805000000ffffcac9c90700")], ["Hello"]],
  ["7.2.3.6 an empty message", [frame("00")], [""]],
  ["7.2.3.6 an empty message as a block of fixed codes", [frame("0200")], [""]],
];

function createServer(backend: DeflateBackend): Protocol {
  const accepted = acceptDeflate(parseExtensions("permessage-deflate")!, resolveCompression(true)!);
  assert(accepted !== undefined);
  const options = resolveCompression({ threshold: 0 })!;
  const transform = new PerMessageDeflate(backend, accepted.parameters, options);
  return new Protocol("server", LIMITS, transform);
}

for (const [name, backend] of Object.entries(backends)) {
  test(`RFC 7692 7.2.3 the examples, in every split, with ${name}`, () => {
    for (const [example, frames, messages] of examples) {
      for (const chunks of cuts(encodeFrames(...frames))) {
        const protocol = createServer(backend);
        assertEquals(feed(protocol, chunks), messages.map((message) => `text ${message}`), example);
      }
    }
  });

  test(`RFC 7692 7.2.3.1 is what is sent for "Hello", with ${name}`, () => {
    const protocol = createServer(backend);
    protocol.send("Hello");
    assertEquals(takeFrames(protocol), [`c1 ${HELLO}`]);
    // 7.2.3.6: an empty message is sent as it is, which takes an octet less.
    protocol.send("");
    assertEquals(takeFrames(protocol), ["81 "]);
    protocol.end(undefined);
  });

  test(`RFC 7692 6.1 a message that is not compressed has RSV1 unset, with ${name}`, () => {
    const protocol = createServer(backend);
    protocol.send("Hello", false);
    assertEquals(takeFrames(protocol), ["81 48656c6c6f"]);
    const plain = [frame("48656c6c6f", { reserved: 0 }), frame(HELLO)];
    assertEquals(feed(protocol, [encodeFrames(...plain)]), ["text Hello", "text Hello"]);
    protocol.end(undefined);
  });
}

test("RFC 7692 6.2 RSV1 anywhere but on a message's first frame fails with 1002", () => {
  const table: readonly (readonly NaiveFrame[])[] = [
    [frame("48", { fin: false, reserved: 0 }), frame("65", { opcode: CONTINUATION })],
    [frame("f248cd", { fin: false }), frame("c9c90700", { opcode: CONTINUATION })],
    [frame("", { opcode: 8 })],
    [frame("", { opcode: 9 })],
    [frame("", { opcode: 10 })],
    [frame(HELLO, { reserved: 6 })],
    [frame(HELLO, { reserved: 5 })],
    [frame(HELLO, { reserved: 2 })],
  ];
  for (const frames of table) {
    const protocol = createServer(backends.public);
    assertEquals(feed(protocol, [encodeFrames(...frames)]), ["close"]);
    assertEquals(protocol.end(undefined).code, 1002);
    assertEquals(takeAll(protocol.output).subarray(2, 4), decodeHex("03ea"));
  }
});

test("RFC 7692 6 RSV1 without the extension fails with 1002", () => {
  const protocol = new Protocol("server", LIMITS);
  assertEquals(feed(protocol, [encodeFrames(frame(HELLO))]), ["close"]);
  assertEquals(protocol.end(undefined).code, 1002);
});

test("RFC 7692 7.2.2 data that is not DEFLATE, and text that is not UTF-8, fail with 1007", () => {
  for (const payload of ["ff", AGAIN, "f248cd", "000200fdffc32800"]) {
    const protocol = createServer(backends.public);
    assertEquals(feed(protocol, [encodeFrames(frame(payload))]), ["close"], payload);
    assertEquals(protocol.end(undefined).code, 1007, payload);
  }
});
