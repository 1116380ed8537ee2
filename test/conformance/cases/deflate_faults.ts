// Section 14: payloads of permessage-deflate, right and wrong (RFC 7692 sections 6 and 7.2), many of them
// the RFC's own examples.

import { Buffer } from "node:buffer";
import { constants, deflateRawSync, type ZlibOptions } from "node:zlib";
import { type Case, OK, type Outcome, outcome } from "../case.ts";
import { type FrameSpec, hex, Opcode } from "../codec.ts";
import { messages, prose } from "../corpus.ts";
import {
  type Answer,
  answers,
  binaryAnswer,
  close,
  closeOrderly,
  continuation,
  expectAnswers,
  fails,
  fragments,
  ping,
  pongAnswer,
  text,
  textAnswer,
} from "../judge.ts";
import type { Chop, Peer } from "../peer.ts";
import { negotiate, plain } from "./parameters.ts";

const RSV1 = { rsv: 4 };
const hello = hex("f248cdc9c90700"); // section 7.2.3.1
const helloAgain = hex("f200110000"); // section 7.2.3.2: reaches back to the one before
const stored = hex("000500faff48656c6c6f00"); // section 7.2.3.3
const final = hex("f348cdc9c9070000"); // section 7.2.3.4
const twoBlocks = hex("f248050000" + "00ffffcac9c90700"); // section 7.2.3.5
const echo = textAnswer("Hello");
const negotiation = negotiate(plain);

type Row = readonly [
  title: string,
  frames: readonly FrameSpec[],
  expected: readonly Answer[],
  chop?: Chop,
];

const [long = Buffer.alloc(0)] = messages(prose, 65_536, 1);

/** A message compressed by itself in a way that a sender may choose. */
function deflated(payload: Buffer, options: ZlibOptions): Buffer {
  const bytes = deflateRawSync(payload, { ...options, finishFlush: constants.Z_SYNC_FLUSH });
  return bytes.subarray(0, bytes.length - 4);
}

function chosen(name: string, options: ZlibOptions): Row {
  return [
    `A text of 64 KiB compressed ${name}`,
    [text(deflated(long, options), RSV1)],
    [textAnswer(long)],
  ];
}

const right: readonly Row[] = [
  ["A compressed text", [text(hello, RSV1)], [echo]],
  ["The same compressed text twice", [text(hello, RSV1), text(hello, RSV1)], [echo, echo]],
  ["A stored block", [text(stored, RSV1)], [echo]],
  ["A block with BFINAL, then another message", [text(final, RSV1), text(hello, RSV1)], [
    echo,
    echo,
  ]],
  ["Two blocks", [text(twoBlocks, RSV1)], [echo]],
  ["An empty text, compressed", [text(hex("00"), RSV1)], [textAnswer("")]],
  ["An empty text, compressed, in two fragments of which the first is empty", [
    text("", { ...RSV1, fin: false }),
    continuation(hex("00")),
  ], [textAnswer("")]],
  ["A text that is not compressed", [text("Hello")], [echo]],
  ["Texts compressed and not compressed in turn", [
    text(hello, RSV1),
    text("plain"),
    text(hello, RSV1),
    text(""),
  ], [echo, textAnswer("plain"), echo, textAnswer("")]],
  ["A compressed text in two fragments", [
    text(hello.subarray(0, 3), { ...RSV1, fin: false }),
    continuation(hello.subarray(3)),
  ], [echo]],
  [
    "A compressed text in fragments of one octet",
    fragments(Opcode.text, hello, 1, 4),
    [echo],
  ],
  ["A compressed text, octet by octet", [text(hello, RSV1)], [echo], 1],
  ["A compressed text in two fragments with a Ping between them", [
    text(hello.subarray(0, 3), { ...RSV1, fin: false }),
    ping("between"),
    continuation(hello.subarray(3)),
  ], [pongAnswer("between"), echo]],
  ["A compressed text whose last fragment is empty", [
    text(hello, { ...RSV1, fin: false }),
    continuation(""),
  ], [echo]],
  ["A text in fragments that is not compressed, then a compressed one", [
    text("Hel", { fin: false }),
    continuation("lo"),
    text(hello, RSV1),
  ], [echo, echo]],
  chosen("with level 0", { level: 0 }),
  chosen("with level 1", { level: 1 }),
  chosen("with Huffman codes only", { strategy: constants.Z_HUFFMAN_ONLY }),
  chosen("with fixed Huffman codes", { strategy: constants.Z_FIXED }),
  chosen("with run lengths only", { strategy: constants.Z_RLE }),
  [
    "A compressed text of 64 KiB in fragments of 7 octets",
    fragments(Opcode.text, deflated(long, {}), 7, 4),
    [textAnswer(long)],
  ],
  [
    "A binary message of 4 MiB of zeros, compressed",
    [{
      opcode: Opcode.binary,
      rsv: 4,
      payload: deflated(Buffer.alloc(4_194_304), {}),
    }],
    [binaryAnswer(Buffer.alloc(4_194_304))],
  ],
];

const notUtf8 = deflated(hex("cebae1bdb9cf83cebcceb5eda080656469746564"), {});

const wrong: readonly (readonly [string, readonly FrameSpec[], readonly number[]])[] = [
  ["RSV1 on a continuation frame only", [
    text("Hel", { fin: false }),
    continuation("lo", RSV1),
  ], [1002]],
  ["RSV1 on both fragments", [
    text(hello.subarray(0, 3), { ...RSV1, fin: false }),
    continuation(hello.subarray(3), RSV1),
  ], [1002]],
  ["RSV1 on a Ping", [ping("Hello", RSV1)], [1002]],
  ["RSV1 on a Close frame", [{ ...close(1000), rsv: 4 }], [1002]],
  ["RSV1 and RSV2 on a text", [text(hello, { rsv: 6 })], [1002]],
  ["A block of the reserved type", [text(hex("ffffffff"), RSV1)], [1007, 1002]],
  ["A stored block whose length and complement differ", [text(hex("00050000004865"), RSV1)], [
    1007,
    1002,
  ]],
  ["A reference to octets before the first", [text(helloAgain, RSV1)], [1007, 1002]],
  ["A text with RSV1 that is not DEFLATE", [text("not deflate at all", RSV1)], [1007, 1002]],
  ["A text whose octets are not UTF-8, compressed", [text(notUtf8, RSV1)], [1007]],
  ["The same in two fragments", fragments(Opcode.text, notUtf8, 12, 4), [1007]],
];

/** 256 MiB of zeros: behind the first turn every MiB is compressed to the same octets. */
async function bomb(peer: Peer): Promise<Outcome> {
  const mebibyte = Buffer.alloc(1_048_576);
  const payload = Buffer.concat(
    peer.compressCycle([mebibyte], 256).map((part) => Buffer.concat([part, hex("0000ffff")])),
  );
  await peer.send([{ opcode: Opcode.binary, rsv: 4, payload: payload.subarray(0, -4) }]);
  const event = await peer.next();
  if (event.type === "message") {
    return outcome("INFORMATIONAL", "a message of 256 MiB from 0.3 MiB was accepted");
  }
  if (event.type === "timeout") {
    return outcome("FAILED", "a message of 256 MiB from 0.3 MiB: nothing");
  }
  if (event.type === "close" && event.code === 1009) return OK;
  return outcome("NON-STRICT", "a message of 256 MiB was refused without Close 1009");
}

/** Section 14. */
export const deflateFaults: readonly Case[] = [
  ...right.map(([title, frames, expected, chop], index): Case => ({
    id: `14.1.${index + 1}`,
    title,
    expectation: expected.length > 1 ? "All are answered, in order." : "It is echoed.",
    negotiation,
    run: (peer) => answers(peer, frames, expected, chop),
  })),
  ...wrong.map(([title, frames, codes], index): Case => ({
    id: `14.2.${index + 1}`,
    title,
    expectation: "The connection is failed.",
    negotiation,
    run: (peer) => fails(peer, frames, codes),
  })),
  {
    id: "14.2.12",
    title: "Bad data, after a good message that has been echoed",
    expectation: "The connection is failed.",
    negotiation,
    async run(peer) {
      await peer.send([text(hello, RSV1)]);
      const found = await expectAnswers(peer, [echo]);
      return found === OK ? await fails(peer, [text(hex("ffffffff"), RSV1)], [1007, 1002]) : found;
    },
  },
  {
    id: "14.1.23",
    title: "Two compressed texts, the second of which refers to the first",
    expectation: "Both are echoed, unless context takeover was declined (7.1.1).",
    negotiation,
    run(peer) {
      const { client, server } = peer.agreement!;
      const suite = peer.under === "server" ? client : server;
      return suite.noContextTakeover
        ? closeOrderly(peer).then(() => outcome("UNIMPLEMENTED", "declined context takeover"))
        : answers(peer, [text(hello, RSV1), text(helloAgain, RSV1)], [echo, echo]);
    },
  },
  {
    id: "14.3.1",
    title: "A binary message of 256 MiB of zeros, compressed to 0.3 MiB",
    expectation: "It is refused with 1009; an endpoint without a limit may echo it.",
    timeout: 30_000,
    negotiation,
    run: bomb,
  },
  {
    id: "14.3.2",
    title: "A connection that has offered compression and does not use it",
    expectation: "The Close frame is answered.",
    negotiation,
    run: closeOrderly,
  },
];
