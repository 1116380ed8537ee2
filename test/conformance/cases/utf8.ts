// Section 6: UTF-8 (RFC 6455 section 8.1): whole, in fragments, in writes of one octet, and how soon
// an invalid octet is noticed.

import { Buffer } from "node:buffer";
import { type Case, type Outcome, outcome, worse } from "../case.ts";
import { type FrameSpec, hex, Opcode } from "../codec.ts";
import {
  answers,
  continuation,
  expectFailure,
  fails,
  fragments,
  ping,
  text,
  textAnswer,
} from "../judge.ts";
import type { Chop, Peer } from "../peer.ts";
import { groups } from "./utf8_table.ts";

const valid = Buffer.from("Hello-µ@ßöäüàá-UTF-8!!");
const kosme = Buffer.from("κόσμε");
const surrogate = Buffer.concat([kosme, hex("eda080"), Buffer.from("edited")]);
const more = { fin: false };

/** Milliseconds that a late endpoint is waited for; one that fails fast is not waited for. */
const LATE = 1_000;

function oneByOne(payload: Buffer): FrameSpec[] {
  return fragments(Opcode.text, payload, 1);
}

function judged(
  peer: Peer,
  frames: readonly FrameSpec[],
  payload: Buffer,
  isValid: boolean,
  chop?: Chop,
): Promise<Outcome> {
  return isValid
    ? answers(peer, frames, [textAnswer(payload)], chop)
    : fails(peer, frames, [1007], { chop });
}

const rejected = "The connection is failed with 1007.";
const echoed = "It is echoed.";

const basic: Case[] = [
  {
    id: "6.1.1",
    title: "An empty text",
    expectation: echoed,
    run: (peer) => answers(peer, [text("")], [textAnswer("")]),
  },
  {
    id: "6.1.2",
    title: "An empty text in three fragments",
    expectation: echoed,
    run: (peer) =>
      answers(peer, [text("", more), continuation("", more), continuation("")], [textAnswer("")]),
  },
  {
    id: "6.1.3",
    title: "A text in three fragments, the first and the last of them empty",
    expectation: echoed,
    run: (peer) =>
      answers(peer, [text("", more), continuation("middle", more), continuation("")], [
        textAnswer("middle"),
      ]),
  },
  {
    id: "6.2.1",
    title: "A valid text",
    expectation: echoed,
    run: (peer) => answers(peer, [text(valid)], [textAnswer(valid)]),
  },
  {
    id: "6.2.2",
    title: "A valid text in two fragments, cut between two characters",
    expectation: echoed,
    run: (peer) => answers(peer, fragments(Opcode.text, valid, 12), [textAnswer(valid)]),
  },
  {
    id: "6.2.3",
    title: "A valid text in fragments of one octet",
    expectation: echoed,
    run: (peer) => answers(peer, oneByOne(valid), [textAnswer(valid)]),
  },
  {
    id: "6.2.4",
    title: "A valid Greek text in fragments of one octet",
    expectation: echoed,
    run: (peer) => answers(peer, oneByOne(kosme), [textAnswer(kosme)]),
  },
  {
    id: "6.3.1",
    title: "A text with a surrogate",
    expectation: rejected,
    run: (peer) => fails(peer, [text(surrogate)], [1007]),
  },
  {
    id: "6.3.2",
    title: "A text with a surrogate in fragments of one octet",
    expectation: rejected,
    run: (peer) => fails(peer, oneByOne(surrogate), [1007]),
  },
];

const outOfRange = hex("f4908080");

/** The failure must come before the rest has been sent; one that comes behind it is late. */
async function failsFast(peer: Peer, rest: () => Promise<void>): Promise<Outcome> {
  const event = await peer.peek(LATE);
  if (event.type !== "timeout" && event.type !== "pong") return await expectFailure(peer, [1007]);
  if (event.type === "pong") await peer.next();
  await rest();
  return worse(
    outcome("NON-STRICT", "noticed invalid UTF-8 at the end of the message only"),
    await expectFailure(peer, [1007]),
  );
}

const fastRows = [
  { cut: outOfRange.length, where: "the invalid sequence" },
  { cut: 2, where: "the first octet that makes it invalid" },
];
const immediate = "The connection is failed with 1007 before the rest is sent.";

const fast: Case[] = [
  ...fastRows.map(({ cut, where }, index): Case => ({
    id: `6.4.${index + 1}`,
    title: `A text in three fragments; nothing is sent behind the second, which ends with ${where}`,
    expectation: immediate,
    async run(peer) {
      // The Pong shows that an endpoint is done with the fragment, so that nobody waits for a clock.
      const second = continuation(outOfRange.subarray(0, cut), more);
      await peer.send([text(kosme, more), second, ping("")]);
      const last = Buffer.concat([outOfRange.subarray(cut), Buffer.from("edited")]);
      return await failsFast(peer, () => peer.send([continuation(last)]));
    },
  })),
  ...fastRows.map(({ cut, where }, index): Case => ({
    id: `6.4.${index + 3}`,
    title: `A text in one frame, of which nothing is sent behind ${where}`,
    expectation: immediate,
    async run(peer) {
      const frame = peer.encode(text(Buffer.concat([kosme, outOfRange, Buffer.from("edited")])));
      const end = frame.length - 6 - outOfRange.length + cut;
      await peer.write(frame.subarray(0, frame.length - 6 - outOfRange.length));
      await peer.write(frame.subarray(frame.length - 6 - outOfRange.length, end));
      return await failsFast(peer, () => peer.write(frame.subarray(end)));
    },
  })),
];

const table: Case[] = groups.flatMap(({ section, name, sequences }) =>
  sequences.map((sequence, index): Case => {
    const payload = hex(sequence.hex);
    return {
      id: `${section}.${index + 1}`,
      title: `A text of ${name}: ${sequence.hex}`,
      expectation: sequence.valid ? echoed : rejected,
      run: (peer) => judged(peer, [text(payload)], payload, sequence.valid),
    };
  })
);

/** The table again, in pieces, with text before and behind each sequence. */
const pieces: Case[] = [
  { section: "6.24", how: "in fragments of one octet", each: oneByOne, chop: undefined },
  {
    section: "6.25",
    how: "octet by octet",
    each: (payload: Buffer) => [text(payload)],
    chop: 1,
  },
].flatMap(({ section, how, each, chop }) =>
  groups.flatMap(({ name, sequences }) => sequences.map((sequence) => ({ name, ...sequence })))
    .filter(({ hex: digits }) => digits.length > 2)
    .map(({ name, hex: digits, valid: isValid }, index): Case => {
      const payload = Buffer.concat([Buffer.from("<ß "), hex(digits), Buffer.from(" ß>")]);
      return {
        id: `${section}.${index + 1}`,
        title: `A text with ${name} in it, ${how}: ${digits}`,
        expectation: isValid ? echoed : rejected,
        run: (peer) => judged(peer, each(payload), payload, isValid, chop),
      };
    })
);

/** Section 6. */
export const utf8: readonly Case[] = [...basic, ...fast, ...table, ...pieces];
