// Section 5: fragmentation (RFC 6455 section 5.4).

import type { Case, Outcome } from "../case.ts";
import type { FrameSpec } from "../codec.ts";
import {
  answers,
  continuation,
  fails,
  ping,
  pong,
  pongAnswer,
  text,
  textAnswer,
} from "../judge.ts";
import type { Chop, Peer } from "../peer.ts";

const more = { fin: false };
const two = [text("fragment1", more), continuation("fragment2")];
const whole = textAnswer("fragment1fragment2");
const withPing = [text("fragment1", more), ping("ping payload"), continuation("fragment2")];
const stray = "non-continuation payload";
const five = [
  text("fragment1", more),
  continuation("fragment2", more),
  ping("pongme 1!"),
  continuation("fragment3", more),
  continuation("fragment4", more),
  ping("pongme 2!"),
  continuation("fragment5"),
];
const fiveAnswers = [
  pongAnswer("pongme 1!"),
  pongAnswer("pongme 2!"),
  textAnswer("fragment1fragment2fragment3fragment4fragment5"),
];

const cuts: readonly [string, Chop][] = [
  ["", undefined],
  ["; a write for each frame", "frames"],
  ["; octet by octet", 1],
];

interface Row {
  readonly title: string;
  readonly expectation: string;
  /** Repeats the row for each way to cut it. */
  readonly cut?: boolean;
  run(peer: Peer, chop: Chop): Promise<Outcome>;
}

const orphan = (fin: boolean): Row => ({
  title: `A continuation frame with FIN ${
    fin ? "set" : "clear"
  } and nothing to continue, then a text`,
  expectation: "The connection is failed.",
  cut: true,
  run: (peer, chop) => fails(peer, [continuation(stray, { fin }), text("Hello")], [1002], { chop }),
});

const mixed = (fin: boolean): FrameSpec[] => [
  continuation("fragment1", { fin }),
  text("fragment2", more),
  continuation("fragment3"),
];

const rows: readonly Row[] = [
  {
    title: "A Ping in two fragments",
    expectation: "The connection is failed: a control frame is never fragmented (5.5).",
    run: (peer) => fails(peer, [ping("fragment1", more), continuation("fragment2")], [1002]),
  },
  {
    title: "A Pong in two fragments",
    expectation: "The connection is failed: a control frame is never fragmented (5.5).",
    run: (peer) => fails(peer, [pong("fragment1", more), continuation("fragment2")], [1002]),
  },
  {
    title: "A text in two fragments",
    expectation: "It is echoed.",
    cut: true,
    run: (peer, chop) => answers(peer, two, [whole], chop),
  },
  {
    title: "A text in two fragments with a Ping between them",
    expectation: "A Pong, then the echo.",
    cut: true,
    run: (peer, chop) => answers(peer, withPing, [pongAnswer("ping payload"), whole], chop),
  },
  orphan(true),
  orphan(false),
  {
    title: "A text in two fragments, a continuation frame with nothing to continue, a text",
    expectation: "The first text is echoed, then the connection is failed.",
    run: (peer) =>
      fails(peer, [...two, continuation(stray, more), text("Hello")], [1002], { before: [whole] }),
  },
  {
    title: "Twice: a continuation frame with FIN clear, a text fragment, a continuation frame",
    expectation: "The connection is failed.",
    run: (peer) => fails(peer, [...mixed(false), ...mixed(false)], [1002]),
  },
  {
    title: "Twice: a continuation frame with FIN set, a text fragment, a continuation frame",
    expectation: "The connection is failed.",
    run: (peer) => fails(peer, [...mixed(true), ...mixed(true)], [1002]),
  },
  {
    title: "A text in two fragments that both have the text opcode",
    expectation: "The connection is failed: the message before it has not ended.",
    run: (peer) => fails(peer, [text("fragment1", more), text("fragment2")], [1002]),
  },
  {
    title: "A text in five fragments with two Pings among them; a write for each frame",
    expectation: "Both Pongs, then the echo.",
    async run(peer) {
      // The second half is not sent before the first Ping has been answered.
      await peer.send(five.slice(0, 3), "frames");
      const event = await peer.next();
      if (event.type !== "pong") {
        return { verdict: "FAILED", reason: "no Pong inside of a fragmented message" };
      }
      return await answers(peer, five.slice(3), fiveAnswers.slice(1), "frames");
    },
  },
  {
    title: "A text in five fragments with two Pings among them",
    expectation: "Both Pongs, then the echo.",
    run: (peer) => answers(peer, five, fiveAnswers),
  },
];

/** Section 5. */
export const fragmentation: readonly Case[] = rows
  .flatMap(({ title, expectation, cut, run }) =>
    (cut ? cuts : cuts.slice(0, 1)).map(([suffix, chop]) => ({
      title: `${title}${suffix}`,
      expectation,
      run: (peer: Peer) => run(peer, chop),
    }))
  )
  .map((one, index) => ({ id: `5.${index + 1}`, ...one }));
