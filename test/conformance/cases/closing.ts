// Section 7: the closing handshake (RFC 6455 sections 5.5.1, 7.1 and 7.4).

import { Buffer } from "node:buffer";
import { type Case, OK, type Outcome, outcome, worse } from "../case.ts";
import { type FrameSpec, hex } from "../codec.ts";
import { messages, prose } from "../corpus.ts";
import {
  answers,
  close,
  closeBody,
  continuation,
  expectAnswers,
  expectClose,
  expectEnd,
  fails,
  ping,
  text,
  textAnswer,
} from "../judge.ts";
import type { Peer } from "../peer.ts";

const hello = "Hello World!";
const silent = "The Close frame is answered, and nothing else.";

const order: Case[] = [
  {
    id: "7.1.1",
    title: "A text, then a Close frame",
    expectation: "The text is echoed, then the Close frame is answered.",
    run: (peer) => answers(peer, [text(hello)], [textAnswer(hello)]),
  },
  {
    id: "7.1.2",
    title: "Two Close frames",
    expectation: "The first is answered, and nothing else.",
    run: (peer) => closing(peer, [close(1000), close(1000)]),
  },
  {
    id: "7.1.3",
    title: "A Close frame, then a Ping",
    expectation: silent,
    run: (peer) => closing(peer, [close(1000), ping("")]),
  },
  {
    id: "7.1.4",
    title: "A Close frame, then a text",
    expectation: silent,
    run: (peer) => closing(peer, [close(1000), text(hello)]),
  },
  {
    id: "7.1.5",
    title: "A text fragment, a Close frame, the last fragment",
    expectation: silent,
    run: (peer) =>
      closing(peer, [text("fragment1", { fin: false }), close(1000), continuation("fragment2")]),
  },
  {
    id: "7.1.6",
    title: "A text of 256 KiB, a Close frame and a Ping in one write",
    expectation: "The Close frame is answered; whether the text is echoed before is reported only.",
    async run(peer) {
      const [long = Buffer.alloc(0)] = messages(prose, 262_144, 1);
      await peer.send([text(long), close(1000), ping("")]);
      const event = await peer.peek(5_000);
      const echoed = event.type === "message";
      const before = echoed ? await expectAnswers(peer, [textAnswer(long)]) : OK;
      const after = before === OK ? await expectClose(peer, [1000]) : before;
      const informational = outcome(
        "INFORMATIONAL",
        `a message before a Close frame was ${echoed ? "echoed" : "not echoed"}`,
      );
      return worse(informational, after);
    },
  },
];

async function closing(
  peer: Peer,
  frames: readonly FrameSpec[],
  codes: readonly (number | undefined)[] = [1000],
): Promise<Outcome> {
  await peer.send(frames);
  return await expectClose(peer, codes);
}

/** Any close is an answer to a code that the RFC leaves open. */
async function reported(peer: Peer, code: number): Promise<Outcome> {
  await peer.send([close(code)]);
  const event = await peer.next();
  const ended = event.type === "close" ? await expectEnd(peer) : OK;
  if (event.type !== "close" && event.type !== "end") {
    return outcome("FAILED", "the connection was not closed");
  }
  const how = event.type === "end" ? "no Close frame" : `Close ${event.code ?? "without a code"}`;
  return worse(outcome("INFORMATIONAL", `Close ${code} was answered with ${how}`), ended);
}

const reason = (size: number): Buffer => Buffer.alloc(size, "*");

const bodies: Case[] = [
  {
    id: "7.3.1",
    title: "A Close frame without a body",
    expectation: "It is answered.",
    run: (peer) => closing(peer, [close()], [undefined, 1000, 1005]),
  },
  {
    id: "7.3.2",
    title: "A Close frame with a body of one octet",
    expectation: "The connection is failed: a code has two (5.5.1).",
    run: (peer) => fails(peer, [{ ...close(), payload: hex("03") }], [1002]),
  },
  {
    id: "7.3.3",
    title: "A Close frame with a code",
    expectation: "It is answered.",
    run: (peer) => closing(peer, [close(1000)]),
  },
  {
    id: "7.3.4",
    title: "A Close frame with a code and a reason",
    expectation: "It is answered.",
    run: (peer) => closing(peer, [close(1000, "Hello World!")]),
  },
  {
    id: "7.3.5",
    title: "A Close frame with a reason of 123 octets",
    expectation: "It is answered.",
    run: (peer) => closing(peer, [close(1000, reason(123))]),
  },
  {
    id: "7.3.6",
    title: "A Close frame with a reason of 124 octets",
    expectation: "The connection is failed: a control frame has at most 125 octets (5.5).",
    run: (peer) => fails(peer, [close(1000, reason(124))], [1002]),
  },
  {
    id: "7.3.7",
    title: "A Close frame with a reason of 122 octets",
    expectation: "It is answered.",
    run: (peer) => closing(peer, [close(1000, reason(122))]),
  },
  {
    id: "7.3.8",
    title: "A Close frame with code and reason, octet by octet",
    expectation: "It is answered.",
    async run(peer) {
      await peer.send([close(1000, "Grüße ☎")], 1);
      return await expectClose(peer, [1000]);
    },
  },
  {
    id: "7.3.9",
    title: "A Close frame in two fragments",
    expectation: "The connection is failed: a control frame is never fragmented (5.5).",
    run: (peer) => fails(peer, [{ ...close(1000), fin: false }, continuation("")], [1002]),
  },
  {
    id: "7.5.1",
    title: "A Close frame whose reason is not UTF-8",
    expectation: "The connection is failed with 1007 (8.1).",
    run: (peer) =>
      fails(peer, [close(1000, hex("cebae1bdb9cf83cebcceb5eda080656469746564"))], [1007, 1002]),
  },
  {
    id: "7.5.2",
    title: "A Close frame whose reason ends inside a character",
    expectation: "The connection is failed with 1007 (8.1).",
    run: (peer) => fails(peer, [close(1000, hex("e298"))], [1007, 1002]),
  },
];

// 1012 to 1014 are in the IANA registry, but not in the RFC: an older endpoint may refuse them.
const allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const registered = [1012, 1013, 1014];
const forbidden = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015];

const codes: Case[] = [
  ...[...allowed, ...registered].map((code, index): Case => ({
    id: `7.7.${index + 1}`,
    title: `Close ${code}`,
    expectation: `It is answered${
      registered.includes(code) ? ": the code is registered" : ""
    } (7.4).`,
    async run(peer) {
      await peer.send([{ ...close(), payload: closeBody(code) }]);
      // Answering with 1000 is common, and a code of its own is not wrong.
      return await expectClose(peer, [code, 1000]);
    },
  })),
  ...forbidden.map((code, index): Case => ({
    id: `7.9.${index + 1}`,
    title: `Close ${code}`,
    expectation: "The connection is failed: the code may not be sent (7.4).",
    run: (peer) => fails(peer, [close(code)], [1002]),
  })),
  ...[5000, 65_535].map((code, index): Case => ({
    id: `7.13.${index + 1}`,
    title: `Close ${code}`,
    expectation: "The connection is closed; how is reported only, the RFC does not say.",
    run: (peer) => reported(peer, code),
  })),
];

/** Section 7. */
export const closings: readonly Case[] = [...order, ...bodies, ...codes];
