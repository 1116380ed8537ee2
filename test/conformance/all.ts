// All cases in order.

import type { Case, Scale } from "./case.ts";
import { closings } from "./cases/closing.ts";
import { compression } from "./cases/compression.ts";
import { deflateFaults } from "./cases/deflate_faults.ts";
import { pings, reservedBits, reservedOpcodes } from "./cases/control.ts";
import { fragmentation } from "./cases/fragmentation.ts";
import { framing } from "./cases/framing.ts";
import { limits } from "./cases/limits.ts";
import { negotiation } from "./cases/negotiation.ts";
import { utf8 } from "./cases/utf8.ts";

/** What the first number of an id stands for. */
export const sections: Readonly<Record<string, string>> = {
  "1": "Framing",
  "2": "Pings and Pongs",
  "3": "Reserved bits",
  "4": "Opcodes",
  "5": "Fragmentation",
  "6": "UTF-8",
  "7": "Closing",
  "9": "Limits and many messages",
  "10": "Fragments of odd sizes",
  "12": "Compression: kinds of data",
  "13": "Compression: parameters",
  "14": "Compression: payloads, right and wrong",
  "15": "Compression: negotiation",
};

const KiB = 1_024;
const MiB = 1_048_576;

/** A thousand messages of every size. */
export const full: Scale = {
  messages: 1000,
  massOctets: Infinity,
  leastMessages: 8,
  maxMessage: 16 * MiB,
  maxPieces: Infinity,
};

/** A thousand messages, 16 MiB; the mass cases within a bound that keeps a run short. */
export const complete: Scale = { ...full, massOctets: 16 * MiB };

/** For every commit: all cases, each mass case with four times what a window holds at least. */
export const quick: Scale = {
  messages: 100,
  massOctets: 128 * KiB,
  leastMessages: 4,
  maxMessage: 4 * MiB,
  maxPieces: 1_024,
};

/** All cases whose id is `only`, or begins with it. */
export function allCases(scale: Scale, only = ""): Case[] {
  const cases = [
    ...framing,
    ...pings,
    ...reservedBits,
    ...reservedOpcodes,
    ...fragmentation,
    ...utf8,
    ...closings,
    ...limits(scale),
    ...compression(scale),
    ...deflateFaults,
    ...negotiation,
  ];
  const prefix = only.replace(/\.?\*?$/, "");
  return cases.filter(({ id }) => prefix === "" || `${id}.`.startsWith(`${prefix}.`));
}
