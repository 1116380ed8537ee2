// Sections 12 and 13: permessage-deflate with messages of each size, many on one connection;
// section 12 with each kind of data, section 13 with each set of parameters (RFC 7692 section 7.1).

import type { Case, Negotiation, Scale } from "../case.ts";
import { corpora, type Corpus, json, messages } from "../corpus.ts";
import { exchange } from "../mass.ts";
import { sizeName } from "./limits.ts";
import { negotiate, parameterSets, plain } from "./parameters.ts";

const KiB = 1024;
const PATIENT = 120_000;

/** Octets of a message, and of its fragments; the numbers are those of the Autobahn Testsuite. */
const shapes: readonly (readonly [size: number, fragment?: number])[] = [
  [16],
  [64],
  [256],
  [KiB],
  [4 * KiB],
  [8 * KiB],
  [16 * KiB],
  [32 * KiB],
  [64 * KiB],
  [128 * KiB],
  [8 * KiB, 256],
  [16 * KiB, 256],
  [32 * KiB, 256],
  [64 * KiB, 256],
  [128 * KiB, 256],
  [128 * KiB, KiB],
  [128 * KiB, 4 * KiB],
  [128 * KiB, 32 * KiB],
];

/** For the sets that the Autobahn Testsuite does not have. */
const fewShapes = shapes.filter(([size, fragment]) =>
  fragment === undefined ? [16, KiB, 32 * KiB].includes(size) : fragment === KiB
);

function mass(
  id: string,
  what: string,
  corpus: Corpus,
  [size, fragment]: readonly [number, number?],
  negotiation: Negotiation,
  scale: Scale,
): Case {
  const { massOctets, leastMessages } = scale;
  const count = Math.min(scale.messages, Math.max(leastMessages, Math.floor(massOctets / size)));
  const cut = fragment === undefined ? "" : ` in fragments of ${sizeName(fragment)}`;
  return {
    id,
    title: `${count} messages of ${sizeName(size)}${cut}: ${what}`,
    expectation: "Each is echoed, compressed within the parameters or not at all.",
    timeout: PATIENT,
    negotiation,
    run: (peer) =>
      exchange(peer, {
        text: corpus.text,
        messages: messages(corpus, size, Math.max(4, Math.min(64, (128 * KiB) / size))),
        count,
        window: 16 * KiB,
        ...(fragment === undefined ? {} : { fragment }),
        compress: true,
      }),
  };
}

/** Sections 12 and 13. */
export function compression(scale: Scale): Case[] {
  const byData = corpora.flatMap((corpus, group) =>
    shapes.map((shape, index) =>
      mass(
        `12.${group + 1}.${index + 1}`,
        corpus.name,
        corpus,
        shape,
        negotiate(plain),
        scale,
      )
    )
  );
  const byParameters = parameterSets.flatMap((set, group) =>
    (group < 7 ? shapes : fewShapes).map((shape, index) =>
      mass(`13.${group + 1}.${index + 1}`, set.name, json, shape, negotiate(set), scale)
    )
  );
  return [...byData, ...byParameters];
}
