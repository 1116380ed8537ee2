// Sections 2 to 4: Pings and Pongs (RFC 6455 sections 5.5.2 and 5.5.3), reserved bits and opcodes (section 5.2).

import { Buffer } from "node:buffer";
import type { Case } from "../case.ts";
import type { FrameSpec } from "../codec.ts";
import {
  type Answer,
  answers,
  binary,
  close,
  fails,
  ping,
  pong,
  pongAnswer,
  text,
  textAnswer,
} from "../judge.ts";
import type { Chop } from "../peer.ts";

const hello = "Hello, world!";
const octets = Buffer.from("00fffefdfcfb00ff", "hex");
const full = Buffer.alloc(125, 0xfe);
const tooLong = Buffer.alloc(126, 0xfe);
const ten = Array.from({ length: 10 }, (_, index) => `payload-${index}`);

type Row = readonly [
  title: string,
  expectation: string,
  frames: readonly FrameSpec[],
  expected: readonly Answer[] | "fails",
  chop?: Chop,
];

const rows: readonly Row[] = [
  ["A Ping without payload", "A Pong without payload.", [ping("")], [pongAnswer("")]],
  ["A Ping with text as payload", "A Pong with the same.", [ping(hello)], [pongAnswer(hello)]],
  ["A Ping with octets as payload", "A Pong with the same.", [ping(octets)], [pongAnswer(octets)]],
  ["A Ping of 125 octets", "A Pong with the same.", [ping(full)], [pongAnswer(full)]],
  ["A Ping of 126 octets", "The connection is failed (5.5).", [ping(tooLong)], "fails"],
  ["A Ping of 125 octets, octet by octet", "A Pong.", [ping(full)], [pongAnswer(full)], 1],
  ["A Pong that nobody asked for, without payload", "Nothing.", [pong("")], []],
  ["A Pong that nobody asked for, with payload", "Nothing.", [pong("unsolicited")], []],
  [
    "A Pong that nobody asked for, then a Ping",
    "A Pong for the Ping.",
    [pong("unsolicited"), ping("ping")],
    [pongAnswer("ping")],
  ],
  [
    "Ten Pings",
    "Pongs in the same order; at least the last is answered (5.5.3).",
    ten.map((payload) => ping(payload)),
    ten.map((payload) => pongAnswer(payload)),
  ],
  [
    "Ten Pings, octet by octet",
    "Pongs in the same order; at least the last is answered (5.5.3).",
    ten.map((payload) => ping(payload)),
    ten.map((payload) => pongAnswer(payload)),
    1,
  ],
];

/** Section 2. */
export const pings: readonly Case[] = rows.map((
  [title, expectation, frames, expected, chop],
  index,
) => ({
  id: `2.${index + 1}`,
  title,
  expectation,
  run: (peer) =>
    expected === "fails"
      ? fails(peer, frames, [1002], { chop })
      : answers(peer, frames, expected, chop),
}));

const reservedRows: readonly [string, FrameSpec[], Answer[], Chop?][] = [
  ["A text with RSV3", [text(hello, { rsv: 1 })], []],
  ["A text, one with RSV2, a Ping", [text(hello), text(hello, { rsv: 2 }), ping("")], [
    textAnswer(hello),
  ]],
  [
    "A text, one with RSV2 and RSV3, a Ping; a write for each frame",
    [text(hello), text(hello, { rsv: 3 }), ping("")],
    [textAnswer(hello)],
    "frames",
  ],
  [
    "A text, one with RSV1, a Ping; octet by octet",
    [text(hello), text(hello, { rsv: 4 }), ping("")],
    [textAnswer(hello)],
    1,
  ],
  ["A binary message with RSV1 and RSV3", [binary(octets, { rsv: 5 })], []],
  ["A Ping with RSV1 and RSV2", [ping(hello, { rsv: 6 })], []],
  ["A Close frame with all reserved bits", [{ ...close(1000), rsv: 7 }], []],
];

/** Section 3. */
export const reservedBits: readonly Case[] = reservedRows.map((
  [title, frames, before, chop],
  index,
) => ({
  id: `3.${index + 1}`,
  title,
  expectation: before.length > 0
    ? "The first text is echoed, then the connection is failed."
    : "The connection is failed: no extension gives the bit a meaning.",
  run: (peer) => fails(peer, frames, [1002], { before, chop }),
}));

function opcodes(section: string, first: number): Case[] {
  return [0, 1, 2, 3, 4].map((offset) => {
    const opcode = first + offset;
    const after = offset > 1;
    const frame: FrameSpec = {
      opcode,
      ...(offset % 2 === 1 ? { payload: "reserved opcode" } : {}),
    };
    const chop: Chop = offset === 4 ? 1 : undefined;
    return {
      id: `${section}.${offset + 1}`,
      title: `${after ? "A text, a" : "A"} frame with opcode ${opcode}${
        frame.payload === undefined ? "" : " and payload"
      }${after ? ", a Ping" : ""}${chop === 1 ? "; octet by octet" : ""}`,
      expectation: after
        ? "The text is echoed, then the connection is failed."
        : "The connection is failed: the opcode is reserved.",
      run: (peer) =>
        fails(peer, after ? [text(hello), frame, ping("")] : [frame], [1002], {
          before: after ? [textAnswer(hello)] : [],
          chop,
        }),
    };
  });
}

/** Section 4. */
export const reservedOpcodes: readonly Case[] = [...opcodes("4.1", 3), ...opcodes("4.2", 11)];
