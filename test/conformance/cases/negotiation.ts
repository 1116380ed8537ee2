// Section 15: the negotiation of permessage-deflate itself (RFC 7692 sections 5 and 7.1).

import { type Case, OK, outcome } from "../case.ts";
import { answers, describe, text, textAnswer } from "../judge.ts";

const good = "permessage-deflate";

/** Offers that a server must decline (section 7): it goes on without the extension. */
const declined: readonly (readonly [string, string])[] = [
  ["an unknown parameter", `${good}; unknown`],
  ["a known parameter twice", `${good}; server_no_context_takeover; server_no_context_takeover`],
  ["server_no_context_takeover with a value", `${good}; server_no_context_takeover=1`],
  ["client_no_context_takeover with a value", `${good}; client_no_context_takeover=true`],
  ["server_max_window_bits without a value", `${good}; server_max_window_bits`],
  ...["7", "16", "09", "0", "1e1", "+9"].map((bits) =>
    [
      `server_max_window_bits=${bits}`,
      `${good}; server_max_window_bits=${/^\w+$/.test(bits) ? bits : `"${bits}"`}`,
    ] as const
  ),
  ...["7", "16"].map((bits) =>
    [`client_max_window_bits=${bits}`, `${good}; client_max_window_bits=${bits}`] as const
  ),
  ["an unknown extension", "x-unknown; parameter=1"],
];

/** Offers that a server may accept; what it then answers must fit. */
const open: readonly (readonly [string, string])[] = [
  ["a quoted value", `${good}; server_max_window_bits="10"`],
  ["a bad offer, then a good one", `${good}; unknown, ${good}`],
  ["an unknown extension, then a good offer", `x-unknown, ${good}; client_max_window_bits`],
  ["no client_max_window_bits", `${good}; server_no_context_takeover`],
  [
    "all parameters",
    `${good}; server_no_context_takeover; client_no_context_takeover; ` +
    "server_max_window_bits=12; client_max_window_bits=11",
  ],
];

/** Answers for which a client must fail the connection (section 7.1; RFC 6455 section 4.1). */
const refused: readonly (readonly [string, string])[] = [
  ["an extension that was not offered", "x-unknown"],
  ["an unknown parameter", `${good}; unknown`],
  ["a parameter twice", `${good}; server_no_context_takeover; server_no_context_takeover`],
  ["server_no_context_takeover with a value", `${good}; server_no_context_takeover=1`],
  ["server_max_window_bits without a value", `${good}; server_max_window_bits`],
  ["server_max_window_bits=7", `${good}; server_max_window_bits=7`],
  ["server_max_window_bits=16", `${good}; server_max_window_bits=16`],
  ["client_max_window_bits without a value", `${good}; client_max_window_bits`],
  ["client_max_window_bits=16", `${good}; client_max_window_bits=16`],
  ["permessage-deflate twice", `${good}, ${good}`],
];

function offerCase(section: string, expectation: string) {
  return ([title, offer]: readonly [string, string], index: number): Case => ({
    id: `${section}.${index + 1}`,
    title: `An offer with ${title}`,
    expectation,
    role: "server",
    negotiation: { offer, answer: () => undefined, judged: true, refusable: section === "15.1" },
    run: (peer) => answers(peer, [text("Hello")], [textAnswer("Hello")]),
  });
}

/** Section 15. */
export const negotiation: readonly Case[] = [
  ...declined.map(offerCase("15.1", "It is declined, the connection opens, and a text is echoed.")),
  ...open.map(offerCase("15.2", "The answer, if any, fits the offer, and a text is echoed.")),
  ...refused.map(([title, answer], index): Case => ({
    id: `15.3.${index + 1}`,
    title: `A response with ${title}`,
    expectation: "The client fails the connection and echoes nothing.",
    role: "client",
    negotiation: { offer: "", answer: () => answer, judged: true },
    async run(peer) {
      await peer.send([text("Hello")]);
      const event = await peer.next();
      return event.type === "end" || event.type === "close"
        ? OK
        : outcome("FAILED", `${describe(event)} in place of a failed connection`);
    },
  })),
];
