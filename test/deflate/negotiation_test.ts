// Offers and answers go through the real parser of the header field, and each judgement is compared with one made
// here from RFC 7692 section 7.1 for every combination there is.

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import {
  acceptDeflate,
  type DeflateParameters,
  judgeDeflate,
  offerDeflate,
} from "../../src/deflate/negotiation.ts";
import {
  type CompressionOptions,
  resolveCompression,
  type ResolvedCompression,
} from "../../src/deflate/options.ts";
import {
  type ExtensionOffer,
  formatExtensions,
  parseExtensions,
} from "../../src/http/extension_header.ts";
import { test } from "../support/test.ts";

const PMD = "permessage-deflate";
const BITS = [8, 9, 10, 11, 12, 13, 14, 15] as const;
const BAD_VALUES = ["", "=7", "=16", "=08", '="08"', "=+8", "=1e1", "=-8", "=0x8", "=8.0", "=x"];
const WIDE = resolve({ windowBits: 15 });

function resolve(options: CompressionOptions): ResolvedCompression {
  return resolveCompression(options)!;
}

function parse(value: string): readonly ExtensionOffer[] {
  const parsed = parseExtensions(value);
  assert(parsed !== undefined, value);
  return parsed;
}

/** The answer to offers as text; "" when all are declined. */
function answer(offers: string, options: ResolvedCompression = WIDE): string {
  const accepted = acceptDeflate(parse(offers), options);
  return accepted === undefined ? "" : formatExtensions([accepted.answer]);
}

/** The judgement of an answer: what the client does, or the reason to fail. */
function judge(
  answer: string,
  options: ResolvedCompression = WIDE,
): DeflateParameters | string | undefined {
  const judged = judgeDeflate(answer === "" ? [] : parse(answer), options);
  return judged !== undefined && "reason" in judged ? judged.reason : judged;
}

/** What stands in an element. */
interface Parameters {
  readonly serverNoTakeover: boolean;
  readonly clientNoTakeover: boolean;
  readonly serverBits: number | undefined;
  readonly clientBits: number | true | undefined;
}

function read(element: string): Parameters {
  const parameters = new Map(parse(element)[0]!.parameters);
  const clientBits = parameters.get("client_max_window_bits");
  const serverBits = parameters.get("server_max_window_bits");
  return {
    serverNoTakeover: parameters.has("server_no_context_takeover"),
    clientNoTakeover: parameters.has("client_no_context_takeover"),
    serverBits: serverBits === undefined ? undefined : Number(serverBits),
    clientBits: clientBits === undefined || clientBits === true ? clientBits : Number(clientBits),
  };
}

function write({ serverNoTakeover, clientNoTakeover, serverBits, clientBits }: Parameters): string {
  let text = PMD;
  if (clientBits !== undefined) text += "; client_max_window_bits";
  if (typeof clientBits === "number") text += `=${clientBits}`;
  if (serverBits !== undefined) text += `; server_max_window_bits=${serverBits}`;
  if (clientNoTakeover) text += "; client_no_context_takeover";
  if (serverNoTakeover) text += "; server_no_context_takeover";
  return text;
}

/** Every element that is valid; `true` among the client's windows is for offers only. */
function* elements(clientWindows: readonly (number | true | undefined)[]): Generator<Parameters> {
  for (const serverNoTakeover of [false, true]) {
    for (const clientNoTakeover of [false, true]) {
      for (const serverBits of [undefined, ...BITS]) {
        for (const clientBits of clientWindows) {
          yield { serverNoTakeover, clientNoTakeover, serverBits, clientBits };
        }
      }
    }
  }
}

/** Every pair of the options that matter to a negotiation; undefined for a window that was not given. */
function* everyOptions(): Generator<CompressionOptions> {
  for (const contextTakeover of [false, true]) {
    yield { contextTakeover };
    for (const windowBits of BITS) yield { contextTakeover, windowBits };
  }
}

test("acceptDeflate answers every offer within what it asks for", () => {
  for (const given of everyOptions()) {
    const options = resolve(given);
    for (const offer of elements([undefined, true, ...BITS])) {
      const text = write(offer);
      const { answer, parameters } = acceptDeflate(parse(text), options)!;
      const got = read(formatExtensions([answer]));
      const what = `${text} with ${JSON.stringify(given)}`;
      // 7.1.1.1: what is offered must be in the answer; 7.1.1.2: the other may be.
      assert(got.serverNoTakeover || !offer.serverNoTakeover, what);
      assertEquals(got.serverNoTakeover, offer.serverNoTakeover || !options.contextTakeover, what);
      assertEquals(got.clientNoTakeover, offer.clientNoTakeover || !options.contextTakeover, what);
      // 7.1.2.1: the same or a smaller one.
      assertEquals(
        got.serverBits,
        offer.serverBits && Math.min(offer.serverBits, options.windowBits),
        what,
      );
      // 7.1.2.2: only who offered it is told, and no more than it offered.
      if (offer.clientBits === undefined) assertEquals(got.clientBits, undefined, what);
      const most = typeof offer.clientBits === "number" ? offer.clientBits : 15;
      const told = got.clientBits ?? 15;
      assert(told !== true, what);
      if (got.clientBits !== undefined) assertLessOrEqual(told, most, what);
      assertEquals(parameters, {
        sendTakeover: !got.serverNoTakeover,
        sendWindowBits: got.serverBits ?? options.windowBits,
        receiveTakeover: !got.clientNoTakeover,
        receiveWindowBits: told,
      }, what);
    }
  }
});

test("acceptDeflate limits its own window though it was not asked to", () => {
  const accepted = acceptDeflate(parse(PMD), resolve({ windowBits: 9 }));
  assertEquals(formatExtensions([accepted!.answer]), PMD);
  assertEquals(accepted!.parameters.sendWindowBits, 9);
  assertEquals(accepted!.parameters.receiveWindowBits, 15);
});

test("acceptDeflate takes the first offer that it can honour", () => {
  const none = "x-unknown, foo; bar";
  assertEquals(answer(none), "");
  assertEquals(answer(`${none}, ${PMD}`), PMD);
  const second = `${PMD}; server_no_context_takeover`;
  assertEquals(answer(`${PMD}, ${second}`), PMD);
  assertEquals(answer(`${second}, ${PMD}`), second);
  assertEquals(answer(`${PMD}; server_max_window_bits=16, ${second}, ${PMD}`), second);
  assertEquals(answer(`${PMD}; unknown, ${PMD}; server_max_window_bits, ${PMD}`), PMD);
  assertEquals(answer(`${PMD}; unknown, ${none}`), "");
});

test("acceptDeflate declines a parameter that is unknown or stands twice", () => {
  const table = [
    "unknown",
    "unknown=1",
    "Server_no_context_takeover",
    "server_no_context_takeover; server_no_context_takeover",
    "client_no_context_takeover; client_no_context_takeover",
    "server_max_window_bits=10; server_max_window_bits=10",
    "client_max_window_bits; client_max_window_bits",
    "client_max_window_bits; client_max_window_bits=10",
    "__proto__",
    "toString",
  ];
  for (const parameters of table) assertEquals(answer(`${PMD}; ${parameters}`), "", parameters);
  assertEquals(answer("Permessage-Deflate"), "");
});

test("acceptDeflate declines a value where there must be none", () => {
  for (const name of ["server_no_context_takeover", "client_no_context_takeover"]) {
    for (const value of ["=1", "=true", '="true"']) {
      assertEquals(answer(`${PMD}; ${name}${value}`), "", name + value);
    }
    assertEquals(answer(`${PMD}; ${name}`), `${PMD}; ${name}`);
  }
});

test("acceptDeflate declines a window that is not 8 to 15 in decimal", () => {
  for (const value of BAD_VALUES) {
    assertEquals(answer(`${PMD}; server_max_window_bits${value}`), "", `server ${value}`);
    // Without a value the client's is valid, and the only one that is.
    const expected = value === "" ? PMD : "";
    assertEquals(answer(`${PMD}; client_max_window_bits${value}`), expected, `client ${value}`);
  }
});

test("acceptDeflate takes a quoted value as the same one", () => {
  const quoted = 'server_max_window_bits="10"; client_max_window_bits="1\\1"';
  const plain = "server_max_window_bits=10; client_max_window_bits=11";
  assertEquals(answer(`${PMD}; ${quoted}`), `${PMD}; ${plain}`);
});

test("acceptDeflate declines nothing for the order of parameters", () => {
  const [one, two] = ["client_max_window_bits=10", "server_no_context_takeover"];
  assertEquals(answer(`${PMD}; ${one}; ${two}`), answer(`${PMD}; ${two}; ${one}`));
});

test("offerDeflate says what the application asked for", () => {
  const table: readonly (readonly [boolean | CompressionOptions, string])[] = [
    [true, "; client_max_window_bits"],
    [{ level: 9, memoryLevel: 9, threshold: 0 }, "; client_max_window_bits"],
    [
      { contextTakeover: false },
      "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
    ],
    [{ windowBits: 15 }, "; client_max_window_bits"],
    ...BITS.slice(0, -1).map((bits) =>
      [
        { windowBits: bits },
        `; server_max_window_bits=${bits}; client_max_window_bits=${bits}`,
      ] as const
    ),
  ];
  for (const [options, expected] of table) {
    const offer = formatExtensions([offerDeflate(resolveCompression(options)!)]);
    assertEquals(offer, PMD + expected);
  }
});

test("judgeDeflate takes no answer for no compression", () => {
  assertEquals(judge(""), undefined);
});

test("judgeDeflate takes every answer that its offer covers, and fails every other", () => {
  for (const given of everyOptions()) {
    const options = resolve(given);
    const offer = read(formatExtensions([offerDeflate(options)]));
    for (const answer of elements([undefined, ...BITS])) {
      const { serverBits = 15, clientBits = 15 } = answer;
      const covered = (answer.serverNoTakeover || !offer.serverNoTakeover) &&
        serverBits <= (offer.serverBits ?? 15) &&
        // 7.1.2.2: an answer without a window lets the client choose within its own.
        (answer.clientBits === undefined || typeof offer.clientBits !== "number" ||
          Number(clientBits) <= offer.clientBits);
      const judged = judge(write(answer), options);
      const what = `${write(answer)} with ${JSON.stringify(given)}: ${JSON.stringify(judged)}`;
      assertEquals(typeof judged === "object", covered, what);
      if (typeof judged !== "object") continue;
      assertEquals(judged, {
        sendTakeover: options.contextTakeover && !answer.clientNoTakeover,
        sendWindowBits: Math.min(options.windowBits, Number(clientBits)),
        receiveTakeover: !answer.serverNoTakeover,
        receiveWindowBits: serverBits,
      }, what);
    }
  }
});

test("judgeDeflate says why it fails", () => {
  const narrow = resolve({ windowBits: 10 });
  const table: readonly (readonly [string, ResolvedCompression, string])[] = [
    ["x-webkit-deflate-frame", WIDE, "Extension x-webkit-deflate-frame was not offered"],
    [`${PMD}, ${PMD}`, WIDE, "More than one extension was accepted, one was offered"],
    [`${PMD}, other`, WIDE, "More than one extension was accepted, one was offered"],
    [
      PMD,
      resolve({ contextTakeover: false }),
      "server_no_context_takeover was asked for and not granted",
    ],
    [PMD, narrow, "server_max_window_bits 15 is above 10"],
    [`${PMD}; server_max_window_bits=11`, narrow, "server_max_window_bits 11 is above 10"],
    [
      `${PMD}; server_max_window_bits=10; client_max_window_bits=11`,
      narrow,
      "client_max_window_bits 11 is above 10",
    ],
  ];
  for (const [text, options, reason] of table) assertEquals(judge(text, options), reason);
});

test("judgeDeflate fails parameters that are not valid", () => {
  const table = [
    "unknown",
    "server_no_context_takeover=1",
    "client_no_context_takeover=1",
    "server_no_context_takeover; server_no_context_takeover",
    "server_max_window_bits=10; server_max_window_bits=10",
    // 7.1.2.2: only an offer may leave the client's value out.
    "client_max_window_bits",
    ...BAD_VALUES.map((value) => `server_max_window_bits${value}`),
    ...BAD_VALUES.map((value) => `client_max_window_bits${value}`),
  ];
  for (const parameters of table) {
    const reason = "The parameters of permessage-deflate are not valid";
    assertEquals(judge(`${PMD}; ${parameters}`), reason, parameters);
  }
});

test("judgeDeflate and acceptDeflate agree on every pair of options", () => {
  for (const one of everyOptions()) {
    for (const other of everyOptions()) {
      const [client, server] = [resolve(one), resolve(other)];
      const { answer, parameters } = acceptDeflate([offerDeflate(client)], server)!;
      const judged = judgeDeflate([answer], client);
      const what = `${JSON.stringify(one)} and ${JSON.stringify(other)}`;
      assert(judged !== undefined && !("reason" in judged), what);
      for (const [sender, receiver] of [[parameters, judged], [judged, parameters]] as const) {
        // Who receives must remember at least what who sends refers to.
        assertLessOrEqual(sender.sendWindowBits, receiver.receiveWindowBits, what);
        assert(receiver.receiveTakeover || !sender.sendTakeover, what);
      }
      assertLessOrEqual(judged.sendWindowBits, Math.min(client.windowBits, server.windowBits));
    }
  }
});
