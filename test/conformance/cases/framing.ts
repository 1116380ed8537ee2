// Section 1: frames of every length form (RFC 6455 section 5.2), and masking (section 5.3).

import { Buffer } from "node:buffer";
import { type Case, OK, outcome } from "../case.ts";
import { messages, noise, prose } from "../corpus.ts";
import {
  answers,
  binary,
  binaryAnswer,
  close,
  closeOrderly,
  expectAnswers,
  fails,
  ping,
  pongAnswer,
  text,
  textAnswer,
} from "../judge.ts";

const sizes = [0, 125, 126, 127, 128, 65_535, 65_536];

function lengths(section: string, isText: boolean): Case[] {
  const name = isText ? "text" : "binary message";
  const frame = isText ? text : binary;
  const answer = isText ? textAnswer : binaryAnswer;
  const chops = [...sizes.map((size) => ({ size, chop: Infinity })), { size: 65_536, chop: 997 }];
  return chops.map(({ size, chop }, index) => ({
    id: `${section}.${index + 1}`,
    title: `A ${name} of ${size} octets${chop === 997 ? ", in writes of 997 octets" : ""}`,
    expectation: "It is echoed.",
    run(peer) {
      const [payload = Buffer.alloc(0)] = messages(isText ? prose : noise, size, 1);
      return answers(peer, [frame(payload)], [answer(payload)], chop);
    },
  }));
}

const hello = "Hello, world!";

const masking: Case[] = [
  ...[
    { frame: text(hello), name: "A text" },
    { frame: binary(Buffer.alloc(0)), name: "An empty binary message" },
    { frame: ping(hello), name: "A Ping" },
    { frame: close(1000), name: "A Close frame" },
  ].flatMap(({ frame, name }, index): Case[] => [{
    id: `1.3.${index + 1}`,
    title: `${name} without a mask to a server, with one to a client`,
    expectation: "The connection is failed (5.1).",
    run: (peer) => fails(peer, [{ ...frame, masked: peer.under === "client" }], [1002]),
  }]),
  {
    id: "1.3.5",
    title: "A text with a masking key of zeros",
    expectation: "It is echoed: any key is allowed.",
    role: "server",
    run: (peer) => answers(peer, [text(hello, { key: Buffer.alloc(4) })], [textAnswer(hello)]),
  },
  {
    id: "1.3.6",
    title: "Ten texts, for a look at the masking keys of their echoes",
    expectation: "Each frame has a fresh masking key (5.3).",
    role: "client",
    async run(peer) {
      const keys = new Set<string>();
      for (let index = 0; index < 10; index++) {
        await peer.send([text(hello)]);
        const event = await peer.next();
        if (event.type !== "message") return outcome("FAILED", "the text was not echoed");
        keys.add(event.key?.toString("hex") ?? "");
      }
      // Two of ten keys are the same by chance once in 10^8 runs.
      return keys.size === 10
        ? await closeOrderly(peer)
        : outcome("FAILED", "masking keys were used again");
    },
  },
];

const forms: Case[] = [
  ...([[16, 5], [16, 125], [64, 5], [64, 126], [64, 65_535]] as const).map((
    [lengthBits, size],
    index,
  ): Case => ({
    id: `1.4.${index + 1}`,
    title: `A binary message of ${size} octets whose length has the form of ${lengthBits} bits`,
    expectation: "The connection is failed: a length must have its shortest form (5.2).",
    async run(peer) {
      const payload = Buffer.alloc(size, 0xfe);
      await peer.send([binary(payload, { lengthBits })]);
      const event = await peer.next();
      if (event.type === "message") {
        return outcome("NON-STRICT", "accepted a length that is not in its shortest form");
      }
      if (event.type === "timeout") return outcome("FAILED", "the connection was not failed");
      return event.type === "close" && event.code === 1002
        ? OK
        : outcome("NON-STRICT", "failed without Close 1002");
    },
  })),
  {
    id: "1.4.6",
    title: "A binary message whose length has its most significant bit set",
    expectation: "The connection is failed (5.2).",
    run: (peer) =>
      fails(peer, [binary(Buffer.alloc(16), { declared: 2n ** 63n + 16n })], [1002, 1009]),
  },
  {
    id: "1.4.7",
    title: "A binary message that declares 2^63-1 octets",
    expectation: "The connection is failed: nobody takes that much.",
    run: (peer) =>
      fails(peer, [binary(Buffer.alloc(16), { declared: 2n ** 63n - 1n })], [1009, 1002]),
  },
];

// A client must not send before it has been answered (section 4.1), so these are for a client only.
const early: Case[] = [
  {
    id: "1.5.1",
    title: "A text in one segment with the handshake's head",
    expectation: "It is echoed.",
    role: "client",
    early: [text(hello)],
    async run(peer) {
      const found = await expectAnswers(peer, [textAnswer(hello)]);
      return found === OK ? await closeOrderly(peer) : found;
    },
  },
  {
    id: "1.5.2",
    title: "A text and a Ping in one segment with the handshake's head",
    expectation: "Both are answered; the Pong may overtake the echo (5.5.2).",
    role: "client",
    early: [text(hello), ping(hello)],
    async run(peer) {
      const overtaken = (await peer.peek()).type === "pong";
      const expected = [textAnswer(hello), pongAnswer(hello)];
      const found = await expectAnswers(peer, overtaken ? expected.reverse() : expected);
      return found === OK ? await closeOrderly(peer) : found;
    },
  },
];

/** Section 1. */
export const framing: readonly Case[] = [
  ...lengths("1.1", true),
  ...lengths("1.2", false),
  ...masking,
  ...forms,
  ...early,
];
