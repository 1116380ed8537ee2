// Sec-WebSocket-Extensions (RFC 6455 section 9.1) and what permessage-deflate makes of it (RFC 7692 section 7.1).

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Bytes } from "../../../src/util/bytes.ts";
import {
  acceptDeflate,
  type DeflateParameters,
  judgeDeflate,
} from "../../../src/deflate/negotiation.ts";
import { resolveCompression, type ResolvedCompression } from "../../../src/deflate/options.ts";
import {
  type ExtensionOffer,
  formatExtensions,
  parseExtensions,
} from "../../../src/http/extension_header.ts";
import { mutated, type Stream, streamOf } from "../mutate.ts";
import { fromLatin1, toLatin1 } from "../naive_utf8.ts";
import { samplesOf, type Target } from "../target.ts";

/** The options of permessage-deflate. */
export interface NegotiationOptions {
  /** See `CompressionOptions`; 0 leaves it out. */
  readonly windowBits: number;
  /** See `CompressionOptions`. */
  readonly contextTakeover: boolean;
}

const parameter = fc.tuple(
  fc.constantFrom("server", "client"),
  fc.constantFrom(
    "_no_context_takeover",
    "_max_window_bits",
    "_max_window_bits=10",
    '_max_window_bits="15"',
    '_max_window_bits = "\\8"',
    "_max_window_bits=08",
    "_max_window_bits=16",
  ),
).map((words) => `;${words.join("")}`);

const list: fc.Arbitrary<Stream> = fc.array(
  fc.tuple(
    fc.constantFrom("permessage-deflate", "permessage-deflate", "x-webkit-deflate-frame"),
    fc.array(parameter, { maxLength: 4 }),
    fc.constantFrom(",", ", ", " ,,"),
  ),
  { minLength: 1, maxLength: 3 },
).map((elements) => streamOf(elements.flat(2).slice(0, -1).map(fromLatin1)));

/** The value of the field, as an offer and as an answer. */
export const extension: Target<NegotiationOptions> = {
  name: "extension",
  promise: "extension lists are read by their grammar, and negotiated within what they say",
  file: "extension.ts",
  samples: samplesOf(
    mutated(list),
    fc.record({ windowBits: fc.constantFrom(0, 8, 10, 15), contextTakeover: fc.boolean() }),
  ),
  check(bytes: Bytes, _cuts: readonly number[], options: NegotiationOptions): void {
    const value = toLatin1(bytes);
    const parsed = parseExtensions(value);
    assertEquals(parsed, parseNaively(value));
    if (parsed === undefined) return;
    assertEquals(parseExtensions(formatExtensions(parsed)), parsed);
    const { windowBits, contextTakeover } = options;
    const resolved = resolveCompression(
      windowBits === 0 ? { contextTakeover } : { contextTakeover, windowBits },
    )!;
    judgeAccepting(parsed, resolved);
    judgeAnswered(parsed, resolved);
  },
};

/** Words, quoted words and separators first, then what they say. */
function parseNaively(value: string): ExtensionOffer[] | undefined {
  const words: string[] = [];
  const word = /[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[^"\\]|\\[^])*"|[,;=])[ \t]*/y;
  while (word.lastIndex < value.length) {
    const { lastIndex } = word;
    const match = word.exec(value);
    if (match === null) return /^[ \t]+$/.test(value.slice(lastIndex)) ? finish(words) : undefined;
    words.push(match[1]!);
  }
  return finish(words);
}

function finish(words: readonly string[]): ExtensionOffer[] | undefined {
  const isToken = (word: string | undefined): word is string => /^[^",;=]/.test(word ?? "");
  const elements: ExtensionOffer[] = [];
  let at = 0;
  while (at < words.length) {
    if (words[at] === ",") {
      at++;
      continue;
    }
    const name = words[at++];
    if (!isToken(name)) return undefined;
    const parameters: [string, string | true][] = [];
    while (words[at] === ";") {
      const parameter = words[at + 1];
      if (!isToken(parameter)) return undefined;
      at += 2;
      if (words[at] !== "=") {
        parameters.push([parameter, true]);
        continue;
      }
      const value = unquote(words[at + 1] ?? "");
      if (value === undefined) return undefined;
      parameters.push([parameter, value]);
      at += 2;
    }
    if (at < words.length && words[at] !== ",") return undefined;
    elements.push({ name, parameters });
  }
  return elements.length === 0 ? undefined : elements;
}

/** A token, or a quoted string that is one inside. */
function unquote(word: string): string | undefined {
  const inner = word.startsWith('"') ? word.slice(1, -1).replace(/\\([^])/g, "$1") : word;
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(inner) ? inner : undefined;
}

/** The parameters of a valid element by name; undefined when it is not valid (RFC 7692 section 7.1). */
function termsOf(element: ExtensionOffer): Map<string, string | true> | undefined {
  const terms = new Map(element.parameters);
  const valid = element.name === "permessage-deflate" && terms.size === element.parameters.length &&
    [...terms].every(([name, value]) => {
      if (/^(?:server|client)_no_context_takeover$/.test(name)) return value === true;
      if (name === "client_max_window_bits" && value === true) return true;
      return /^(?:server|client)_max_window_bits$/.test(name) &&
        /^(?:[89]|1[0-5])$/.test(`${value}`);
    });
  return valid ? terms : undefined;
}

function bits(terms: Map<string, string | true>, name: string): number {
  const value = terms.get(name);
  return value === undefined || value === true ? 15 : Number(value);
}

/** What one end does must fit what the answer says; `local` is its own name there. */
function judgeParameters(
  terms: Map<string, string | true>,
  parameters: DeflateParameters,
  local: "server" | "client",
): void {
  const remote = local === "server" ? "client" : "server";
  const { sendTakeover, sendWindowBits, receiveTakeover, receiveWindowBits } = parameters;
  assert(!sendTakeover || !terms.has(`${local}_no_context_takeover`));
  assert(receiveTakeover || terms.has(`${remote}_no_context_takeover`));
  assert(sendWindowBits >= 8 && sendWindowBits <= bits(terms, `${local}_max_window_bits`));
  assert(receiveWindowBits <= 15 && receiveWindowBits >= bits(terms, `${remote}_max_window_bits`));
}

function judgeAccepting(offers: readonly ExtensionOffer[], options: ResolvedCompression): void {
  const offered = offers.map(termsOf).find((terms) => terms !== undefined);
  const accepted = acceptDeflate(offers, options);
  assertEquals(accepted === undefined, offered === undefined);
  if (accepted === undefined || offered === undefined) return;
  const answer = termsOf(accepted.answer);
  assert(answer !== undefined && answer.get("client_max_window_bits") !== true);
  // RFC 7692 sections 7.1.1.1, 7.1.2.1 and 7.1.2.2
  if (offered.has("server_no_context_takeover")) assert(answer.has("server_no_context_takeover"));
  if (offered.has("server_max_window_bits")) assert(answer.has("server_max_window_bits"));
  if (answer.has("client_max_window_bits")) assert(offered.has("client_max_window_bits"));
  for (const name of ["server_max_window_bits", "client_max_window_bits"]) {
    if (answer.has(name)) assert(bits(answer, name) <= bits(offered, name));
  }
  judgeParameters(answer, accepted.parameters, "server");
}

function judgeAnswered(answers: readonly ExtensionOffer[], options: ResolvedCompression): void {
  const judged = judgeDeflate(answers, options);
  assert(judged !== undefined, "there is an answer");
  if ("reason" in judged) return assert(judged.reason.length > 0);
  const [answer, ...more] = answers;
  const terms = termsOf(answer!);
  assertEquals(more.length, 0);
  assert(terms !== undefined && terms.get("client_max_window_bits") !== true);
  judgeParameters(terms, judged, "client");
}
