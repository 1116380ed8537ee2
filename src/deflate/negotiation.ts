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

/** The four parameters of an offer or an answer, read. */
interface Terms {
  serverNoTakeover: boolean;
  clientNoTakeover: boolean;
  serverWindowBits: number | undefined;
  /** `true`: the client accepts a window from the server, and names none itself. */
  clientWindowBits: number | true | undefined;
}

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
  const terms: Terms = {
    serverNoTakeover: offered.serverNoTakeover || !contextTakeover,
    clientNoTakeover: offered.clientNoTakeover || !contextTakeover,
    // Section 7.1.2.1: the answer to a client that asks for a window must name one, even the
    // widest. The answer to any other client names none: some clients fail an answer with a
    // parameter that they did not offer, and a smaller window than theirs does them no harm.
    serverWindowBits: offered.serverWindowBits === undefined
      ? undefined
      : Math.min(windowBits, offered.serverWindowBits),
    // Section 7.1.2.2: the server may name a window only to a client that allows it.
    clientWindowBits: offered.clientWindowBits === undefined
      ? undefined
      : offered.clientWindowBits === true
      ? narrower(windowBits, MAX_WINDOW_BITS)
      : narrower(windowBits, offered.clientWindowBits),
  };
  return {
    answer: formatTerms(terms),
    parameters: {
      sendTakeover: !terms.serverNoTakeover,
      sendWindowBits: terms.serverWindowBits ?? windowBits,
      receiveTakeover: !terms.clientNoTakeover,
      receiveWindowBits: numberOr(terms.clientWindowBits, MAX_WINDOW_BITS),
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
  return formatTerms({
    serverNoTakeover: !contextTakeover,
    clientNoTakeover: !contextTakeover,
    serverWindowBits: bits,
    clientWindowBits: bits ?? true,
  });
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
  if (terms === undefined || terms.clientWindowBits === true) {
    return { reason: "The parameters of permessage-deflate are not valid" };
  }
  const { windowBits, limitsPeer, contextTakeover } = options;
  if (!contextTakeover && !terms.serverNoTakeover) {
    return { reason: "server_no_context_takeover was asked for and not granted" };
  }
  const serverWindowBits = terms.serverWindowBits ?? MAX_WINDOW_BITS;
  if (limitsPeer && serverWindowBits > windowBits) {
    return { reason: `server_max_window_bits ${serverWindowBits} is above ${windowBits}` };
  }
  const clientWindowBits = terms.clientWindowBits ?? windowBits;
  if (limitsPeer && clientWindowBits > windowBits) {
    return { reason: `client_max_window_bits ${clientWindowBits} is above ${windowBits}` };
  }
  return {
    sendTakeover: contextTakeover && !terms.clientNoTakeover,
    sendWindowBits: Math.min(windowBits, clientWindowBits),
    receiveTakeover: !terms.serverNoTakeover,
    receiveWindowBits: serverWindowBits,
  };
}

function readTerms(element: ExtensionOffer): Terms | undefined {
  const terms: Terms = {
    serverNoTakeover: false,
    clientNoTakeover: false,
    serverWindowBits: undefined,
    clientWindowBits: undefined,
  };
  const seen = new Set<string>();
  for (const [name, value] of element.parameters) {
    if (seen.has(name)) return undefined;
    seen.add(name);
    if (name === "server_no_context_takeover") {
      if (value !== true) return undefined;
      terms.serverNoTakeover = true;
    } else if (name === "client_no_context_takeover") {
      if (value !== true) return undefined;
      terms.clientNoTakeover = true;
    } else if (name === "server_max_window_bits") {
      terms.serverWindowBits = readWindowBits(value);
      if (terms.serverWindowBits === undefined) return undefined;
    } else if (name === "client_max_window_bits") {
      terms.clientWindowBits = value === true ? true : readWindowBits(value);
      if (terms.clientWindowBits === undefined) return undefined;
    } else {
      return undefined;
    }
  }
  return terms;
}

/** Section 7.1.2: a decimal integer from 8 to 15 without leading zeroes. */
function readWindowBits(value: string | true): number | undefined {
  return value !== true && /^(?:[89]|1[0-5])$/.test(value) ? Number(value) : undefined;
}

function formatTerms(terms: Terms): ExtensionOffer {
  const parameters: [string, string | true][] = [];
  if (terms.serverNoTakeover) parameters.push(["server_no_context_takeover", true]);
  if (terms.clientNoTakeover) parameters.push(["client_no_context_takeover", true]);
  if (terms.serverWindowBits !== undefined) {
    parameters.push(["server_max_window_bits", String(terms.serverWindowBits)]);
  }
  if (terms.clientWindowBits !== undefined) {
    const bits = terms.clientWindowBits;
    parameters.push(["client_max_window_bits", bits === true ? true : String(bits)]);
  }
  return { name: NAME, parameters };
}

function numberOr(value: number | true | undefined, preset: number): number {
  return typeof value === "number" ? value : preset;
}
