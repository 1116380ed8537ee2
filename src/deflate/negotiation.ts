// The negotiation of permessage-deflate, RFC 7692 sections 5 and 7.1, for both roles.
//
// 1. A server takes the first offer that it can honour. It declines one with an unknown parameter,
//    a repeated one or a value that is not valid (section 7.1), and connects without compression
//    when none is left.
// 2. A client fails the connection for an answer that its offer does not cover (sections 7.1, 5.1).
// 3. "server" and "client" name the end that sends. After the negotiation, `DeflateParameters` says
//    "send" and "receive".

import type { ExtensionOffer } from "../http/extension_header.ts";
import type { ResolvedCompression } from "./options.ts";

const NAME = "permessage-deflate";
const MAX_WINDOW_BITS = 15;

/** What the two ends agreed on, as one of them sees it. */
export interface DeflateParameters {
  /** Whether what this end sends may refer to what it sent before. */
  readonly sendTakeover: boolean;
  /** The window of what this end sends. */
  readonly sendWindowBits: number;
  /** Whether what this end receives may refer to what it received before. */
  readonly receiveTakeover: boolean;
  /** The window of what this end receives. */
  readonly receiveWindowBits: number;
}

const SERVER_NO_TAKEOVER = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER = "client_no_context_takeover";
const SERVER_WINDOW = "server_max_window_bits";
const CLIENT_WINDOW = "client_max_window_bits";

/** What each parameter may be: `true` for one without a value. */
const VALUES: Readonly<Record<string, RegExp>> = {
  [SERVER_NO_TAKEOVER]: /^true$/,
  [CLIENT_NO_TAKEOVER]: /^true$/,
  // Section 7.1.2: a decimal integer from 8 to 15 without leading zeroes.
  [SERVER_WINDOW]: /^(?:[89]|1[0-5])$/,
  // Without a value, the client accepts a window from the server, and names none itself.
  [CLIENT_WINDOW]: /^(?:true|[89]|1[0-5])$/,
};

/** The parameters of an offer or an answer, read. */
type Terms = ReadonlyMap<string, number | true>;

/** An answer and what it means for the server. */
export interface AcceptedDeflate {
  /** The element of the response's Sec-WebSocket-Extensions. */
  readonly answer: ExtensionOffer;
  /** What the server does. */
  readonly parameters: DeflateParameters;
}

/**
 * Takes the first offer of permessage-deflate that can be honoured; undefined when there is none.
 */
export function acceptDeflate(
  offers: readonly ExtensionOffer[],
  options: ResolvedCompression,
): AcceptedDeflate | undefined {
  for (const offer of offers) {
    const terms = offer.name === NAME ? readTerms(offer) : undefined;
    if (terms !== undefined) return accept(terms, options);
  }
  return undefined;
}

function accept(offered: Terms, options: ResolvedCompression): AcceptedDeflate {
  const { windowBits, contextTakeover } = options;
  const serverNoTakeover = offered.has(SERVER_NO_TAKEOVER) || !contextTakeover;
  const clientNoTakeover = offered.has(CLIENT_NO_TAKEOVER) || !contextTakeover;
  // Section 7.1.2.1: the answer to a client that asks for a window must name one, even the widest.
  // The answer to any other client names none: some clients fail an answer with a parameter that
  // they did not offer, and a smaller window than theirs does them no harm.
  const asked = offered.get(SERVER_WINDOW);
  const serverWindowBits = asked && Math.min(windowBits, Number(asked));
  // Section 7.1.2.2: the server may name a window only to a client that allows it.
  const allowed = offered.get(CLIENT_WINDOW);
  const clientWindowBits = allowed &&
    narrower(windowBits, allowed === true ? MAX_WINDOW_BITS : allowed);
  return {
    answer: format(serverNoTakeover, clientNoTakeover, serverWindowBits, clientWindowBits),
    parameters: {
      sendTakeover: !serverNoTakeover,
      sendWindowBits: serverWindowBits ?? windowBits,
      receiveTakeover: !clientNoTakeover,
      receiveWindowBits: clientWindowBits ?? MAX_WINDOW_BITS,
    },
  };
}

/**
 * The smaller of two windows; undefined when that is the widest possible one, which need not be
 * named.
 */
function narrower(a: number, b: number): number | undefined {
  const bits = Math.min(a, b);
  return bits === MAX_WINDOW_BITS ? undefined : bits;
}

/**
 * The client's offer. It asks the server for a window only when the application does, because some
 * servers decline such an offer, or ignore what it asks for.
 */
export function offerDeflate(options: ResolvedCompression): ExtensionOffer {
  const { windowBits, limitsPeer, contextTakeover } = options;
  const bits = limitsPeer ? narrower(windowBits, MAX_WINDOW_BITS) : undefined;
  return format(!contextTakeover, !contextTakeover, bits, bits ?? true);
}

/**
 * Judges the server's answer to `offerDeflate()` of the same options.
 *
 * @returns What the client does; undefined when the server declined; or the reason to fail the
 * connection.
 */
export function judgeDeflate(
  answers: readonly ExtensionOffer[],
  options: ResolvedCompression,
): DeflateParameters | { readonly reason: string } | undefined {
  const [answer, ...more] = answers;
  if (answer === undefined) return undefined;
  if (answer.name !== NAME) return { reason: `Extension ${answer.name} was not offered` };
  if (more.length > 0) return { reason: "More than one extension was accepted, one was offered" };
  const terms = readTerms(answer);
  if (terms === undefined || terms.get(CLIENT_WINDOW) === true) {
    return { reason: "The parameters of permessage-deflate are not valid" };
  }
  const { windowBits, limitsPeer, contextTakeover } = options;
  if (!contextTakeover && !terms.has(SERVER_NO_TAKEOVER)) {
    return { reason: `${SERVER_NO_TAKEOVER} was asked for and not granted` };
  }
  const serverWindowBits = Number(terms.get(SERVER_WINDOW) ?? MAX_WINDOW_BITS);
  const clientWindowBits = Number(terms.get(CLIENT_WINDOW) ?? windowBits);
  const windows: [string, number][] = [
    [SERVER_WINDOW, serverWindowBits],
    [CLIENT_WINDOW, clientWindowBits],
  ];
  for (const [name, bits] of windows) {
    if (limitsPeer && bits > windowBits) {
      return { reason: `${name} ${bits} is above ${windowBits}` };
    }
  }
  return {
    sendTakeover: contextTakeover && !terms.has(CLIENT_NO_TAKEOVER),
    sendWindowBits: Math.min(windowBits, clientWindowBits),
    receiveTakeover: !terms.has(SERVER_NO_TAKEOVER),
    receiveWindowBits: serverWindowBits,
  };
}

/** Undefined for a parameter that is unknown, repeated or has a value that is not valid. */
function readTerms({ parameters }: ExtensionOffer): Terms | undefined {
  const terms = new Map<string, number | true>();
  for (const [name, value] of parameters) {
    const isValid = Object.hasOwn(VALUES, name) && value !== "true" &&
      VALUES[name]!.test(`${value}`);
    if (!isValid || terms.has(name)) return undefined;
    terms.set(name, value === true || Number(value));
  }
  return terms;
}

function format(
  serverNoTakeover: boolean,
  clientNoTakeover: boolean,
  serverWindowBits: number | undefined,
  clientWindowBits: number | true | undefined,
): ExtensionOffer {
  const all: [string, number | boolean | undefined][] = [
    [SERVER_NO_TAKEOVER, serverNoTakeover],
    [CLIENT_NO_TAKEOVER, clientNoTakeover],
    [SERVER_WINDOW, serverWindowBits],
    [CLIENT_WINDOW, clientWindowBits],
  ];
  const parameters: [string, string | true][] = [];
  for (const [name, value] of all) {
    if (value) parameters.push([name, value === true || String(value)]);
  }
  return { name: NAME, parameters };
}
