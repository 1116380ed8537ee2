// Sets of parameters of permessage-deflate (RFC 7692 section 7.1), and how each role of the suite asks for them.
//
// A set speaks of the end under test and of the suite, not of client and server: the same case then
// puts the same demands on a server and on a client.

import type { Negotiation } from "../case.ts";
import type { Extension } from "../extension.ts";

/** What is asked of one direction. */
interface Wish {
  readonly noTakeover?: boolean;
  readonly bits?: number;
}

/** What is asked for. */
export interface ParameterSet {
  readonly name: string;
  /** Alternatives, the preferred one first. */
  readonly wishes: readonly { readonly under: Wish; readonly suite: Wish }[];
}

const one = (name: string, under: Wish, suite: Wish = {}): ParameterSet => ({
  name,
  wishes: [{ under, suite }],
});

/** All that is left to the end under test. */
export const plain: ParameterSet = one("no parameters", {});

/** The sets, in the order of section 13; the first seven are those of the Autobahn Testsuite. */
export const parameterSets: readonly ParameterSet[] = [
  plain,
  one("no context takeover", { noTakeover: true }),
  one("a window of 9 bits", { bits: 9 }),
  one("a window of 15 bits", { bits: 15 }),
  one("no context takeover and a window of 9 bits", { noTakeover: true, bits: 9 }),
  one("no context takeover and a window of 15 bits", { noTakeover: true, bits: 15 }),
  {
    name: "three alternatives",
    wishes: [
      { under: { noTakeover: true, bits: 9 }, suite: {} },
      { under: { noTakeover: true }, suite: {} },
      { under: {}, suite: {} },
    ],
  },
  ...[8, 10, 11, 12, 13, 14].map((bits) => one(`a window of ${bits} bits`, { bits })),
  one("the suite without context takeover", {}, { noTakeover: true }),
  ...[8, 9, 12, 15].map((bits) => one(`the suite with a window of ${bits} bits`, {}, { bits })),
  one("both without context takeover", { noTakeover: true }, { noTakeover: true }),
  one("both with windows of 9 bits and without context takeover", { noTakeover: true, bits: 9 }, {
    noTakeover: true,
    bits: 9,
  }),
];

/** How to ask for a set. */
export function negotiate({ wishes }: ParameterSet): Negotiation {
  const offer = wishes.map(({ under, suite }) =>
    format([
      under.noTakeover && "server_no_context_takeover",
      under.bits !== undefined && `server_max_window_bits=${under.bits}`,
      suite.noTakeover && "client_no_context_takeover",
      suite.bits === undefined ? "client_max_window_bits" : `client_max_window_bits=${suite.bits}`,
    ])
  ).join(", ");
  const answer = (offers: readonly Extension[]): string | undefined => {
    const offered = offers.find(({ name }) => name === "permessage-deflate");
    if (offered === undefined) return undefined;
    const parameters = new Map(offered.parameters);
    const limit = Number(parameters.get("client_max_window_bits") ?? 15);
    const wish = wishes.find(({ under }) =>
      under.bits === undefined ||
      (parameters.has("client_max_window_bits") && under.bits <= limit)
    );
    if (wish === undefined) return undefined;
    const { under, suite } = wish;
    const ceiling = parameters.get("server_max_window_bits");
    const bits = Math.min(suite.bits ?? 15, Number(ceiling ?? 15));
    const saysBits = suite.bits !== undefined || ceiling !== undefined;
    return format([
      (suite.noTakeover || parameters.has("server_no_context_takeover")) &&
      "server_no_context_takeover",
      saysBits && `server_max_window_bits=${bits}`,
      (under.noTakeover || parameters.has("client_no_context_takeover")) &&
      "client_no_context_takeover",
      under.bits !== undefined && `client_max_window_bits=${under.bits}`,
    ]);
  };
  return { offer, answer };
}

function format(parameters: readonly (string | false | undefined)[]): string {
  return ["permessage-deflate", ...parameters.filter(Boolean)].join("; ");
}
