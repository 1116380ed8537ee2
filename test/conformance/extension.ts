// Sec-WebSocket-Extensions (RFC 6455 section 9.1) and the parameters of permessage-deflate
// (RFC 7692 section 7.1), as the suite understands them.

import type { Direction } from "./deflate.ts";

/** One extension of a header field. */
export interface Extension {
  readonly name: string;
  /** Each parameter with its value; undefined for one without. */
  readonly parameters: readonly (readonly [string, string | undefined])[];
}

/** What both ends have agreed to. */
export interface Agreement {
  /** What the client sends. */
  readonly client: Direction;
  /** What the server sends. */
  readonly server: Direction;
}

/** Parses the field's value. Quoted strings are unquoted. */
export function parseExtensions(value: string): Extension[] {
  return split(value, ",").filter((item) => item !== "").map((item) => {
    const [name = "", ...parameters] = split(item, ";");
    return {
      name,
      parameters: parameters.map((parameter) => {
        const [key = "", text] = split(parameter, "=");
        return [key, text?.replace(/^"(.*)"$/, "$1")] as const;
      }),
    };
  });
}

/** Splits outside of quotes and trims. */
function split(value: string, separator: string): string[] {
  const quoted = new RegExp(`((?:"[^"]*"|[^"${separator}])*)(?:${separator}|$)`, "g");
  const items = [...value.matchAll(quoted)].map(([, item = ""]) => item.trim());
  // The expression matches once more, with nothing, at the end.
  if (items.at(-1) === "" && items.length > 1) items.pop();
  return items;
}

const names = [
  "server_no_context_takeover",
  "client_no_context_takeover",
  "server_max_window_bits",
  "client_max_window_bits",
];

/**
 * Judges a response of a server by the offers that it answers (RFC 7692 section 7.1).
 *
 * @param offered The value of the field in the request.
 * @param answered The value of the field in the response; empty when there was none.
 * @returns The agreement; undefined when the server declined; a string when its answer is wrong.
 */
export function judgeAnswer(offered: string, answered: string): Agreement | undefined | string {
  const extensions = parseExtensions(answered);
  if (extensions.length === 0) return undefined;
  const [extension] = extensions;
  if (extensions.length > 1 || extension === undefined || extension.name !== "permessage-deflate") {
    return `Sec-WebSocket-Extensions ${answered} was not offered`;
  }
  const fault = faultOf(extension, true);
  if (fault !== undefined) return `${fault} in the response`;
  const offers = parseExtensions(offered)
    .filter((offer) => offer.name === extension.name && faultOf(offer, false) === undefined);
  if (offers.length === 0) return "an offer that is not valid was accepted";
  const accepted = offers.find((offer) => mismatch(offer, extension) === undefined);
  return accepted === undefined
    ? mismatch(offers[0]!, extension)
    : withHints(agreement(extension), agreement(accepted));
}

/** What a client says of its own direction binds it, even when the response does not repeat it (section 7.1). */
function withHints({ client, server }: Agreement, offer: Agreement): Agreement {
  return {
    client: {
      noContextTakeover: client.noContextTakeover || offer.client.noContextTakeover,
      maxWindowBits: Math.min(client.maxWindowBits, offer.client.maxWindowBits),
    },
    server,
  };
}

/** The agreement that a response spells out. */
export function agreement(extension: Extension): Agreement {
  const parameters = new Map(extension.parameters);
  const direction = (end: string): Direction => ({
    noContextTakeover: parameters.has(`${end}_no_context_takeover`),
    maxWindowBits: Number(parameters.get(`${end}_max_window_bits`) ?? 15),
  });
  return { client: direction("client"), server: direction("server") };
}

/** What is wrong with an extension by itself: unknown or repeated parameters, bad values. */
function faultOf(extension: Extension, response: boolean): string | undefined {
  const seen = new Set<string>();
  for (const [name, value] of extension.parameters) {
    if (!names.includes(name)) return `unknown parameter ${name}`;
    if (seen.has(name)) return `${name} given twice`;
    seen.add(name);
    const bits = name.endsWith("bits");
    const optional = name === "client_max_window_bits" && !response;
    if (!bits && value !== undefined) return `${name} with a value`;
    if (bits && value === undefined && !optional) return `${name} without a value`;
    if (bits && value !== undefined && !/^(?:[89]|1[0-5])$/.test(value)) return `${name}=${value}`;
  }
  return undefined;
}

/** Why a response does not answer this offer. */
function mismatch(offer: Extension, response: Extension): string | undefined {
  const offered = new Map(offer.parameters);
  const given = new Map(response.parameters);
  if (offered.has("server_no_context_takeover") && !given.has("server_no_context_takeover")) {
    return "the response accepts an offer without its server_no_context_takeover";
  }
  const limit = offered.get("server_max_window_bits");
  if (limit !== undefined && !(Number(given.get("server_max_window_bits")) <= Number(limit))) {
    return `the response accepts an offer without its server_max_window_bits=${limit}`;
  }
  if (!given.has("client_max_window_bits")) return undefined;
  if (!offered.has("client_max_window_bits")) {
    return "the response has client_max_window_bits, which was not offered";
  }
  const hint = offered.get("client_max_window_bits");
  if (hint !== undefined && !(Number(given.get("client_max_window_bits")) <= Number(hint))) {
    return `the response has client_max_window_bits above the ${hint} that was offered`;
  }
  return undefined;
}
