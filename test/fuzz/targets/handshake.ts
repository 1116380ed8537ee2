// The opening handshake of both ends: whatever is accepted keeps the rules of RFC 6455 section 4, and whatever is
// refused is answered with a response that can be read.

import { formatRefusal } from "../../../src/handshake/refusal.ts";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Bytes, concat } from "../../../src/util/bytes.ts";
import { judgeResponse } from "../../../src/handshake/client.ts";
import {
  formatAcceptance,
  type HandshakeAcceptance,
  isUpgradeRequest,
  judgeRequest,
} from "../../../src/handshake/server.ts";
import {
  createRequestParser,
  createResponseParser,
  type RequestHead,
  type ResponseHead,
} from "../../../src/http/head.ts";
import { REQUEST, RESPONSE } from "../../handshake/heads.ts";
import { mutated, type Stream, streamOf } from "../mutate.ts";
import { readHeads } from "../naive_http.ts";
import { fromLatin1, toLatin1 } from "../naive_utf8.ts";
import { samplesOf, type Target } from "../target.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const LIMITS = { maxHeadSize: 16_384, maxHeaders: 128 };

/** The last digit of a key has bits that no byte needs, and that may be anything. */
const lastDigit = fc.oneof(fc.constant("Q"), fc.constantFrom(..."ABPQRfgwxz09+/="));
const requestLines = fc.constantFrom<readonly string[]>(
  [],
  ["Sec-WebSocket-Protocol: chat, superchat", "Origin: http://example.com"],
  ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"],
  ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"],
  ["Content-Length: 0", "Connection: keep-alive"],
);
const responseLines = fc.constantFrom<readonly string[]>(
  [],
  ["Sec-WebSocket-Protocol: chat"],
  ["Sec-WebSocket-Extensions: permessage-deflate"],
);

function linesOf(
  base: readonly string[],
  more: fc.Arbitrary<readonly string[]>,
): fc.Arbitrary<Stream> {
  return fc.tuple(more, lastDigit).map(([more, digit]) =>
    streamOf(
      [...base, ...more, ""].map((line) =>
        fromLatin1(`${line.replace("ZQ==", `Z${digit}==`)}\r\n`)
      ),
    )
  );
}

/** Which end judges. */
export interface HandshakeOptions {
  /** Which end judges. */
  readonly role: "client" | "server";
}

/** The head of a request or a response, judged. */
export const handshake: Target<HandshakeOptions> = {
  name: "handshake",
  promise: "handshakes are accepted by the rules of section 4, or refused with a valid response",
  file: "handshake.ts",
  samples: fc.oneof(
    samplesOf(
      mutated(linesOf(REQUEST, requestLines)),
      fc.constant<HandshakeOptions>({ role: "server" }),
    ),
    samplesOf(
      mutated(linesOf(RESPONSE, responseLines)),
      fc.constant<HandshakeOptions>({ role: "client" }),
    ),
  ),
  async check(bytes: Bytes, _cuts: readonly number[], { role }: HandshakeOptions): Promise<void> {
    if (role === "server") {
      const result = createRequestParser(LIMITS).push(bytes);
      if (result !== undefined && "head" in result) await judgeAsServer(result.head);
    } else {
      const result = createResponseParser(LIMITS).push(bytes);
      if (result !== undefined && "head" in result) await judgeAsClient(result.head);
    }
  },
};

function members(value: string | undefined): string[] {
  return (value ?? "").split(",").map((member) =>
    member.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase()
  );
}

async function judgeAsServer(head: RequestHead): Promise<void> {
  const judged = judgeRequest(head);
  if ("status" in judged) {
    assert([400, 405, 426].includes(judged.status));
    const response = formatRefusal(judged);
    const { heads: [answer], end } = readHeads(response, "response", LIMITS);
    assert(answer !== undefined);
    const length = answer.fields.find(([name]) => name === "content-length")?.[1];
    const body = fromLatin1(judged.reason);
    assertEquals(length, String(body.length));
    assertEquals(response.slice(-body.length), body);
    assert(end === "more" || end === 400 || body.length > 0);
    assertEquals(answer.fields.some(([name]) => name === "upgrade"), judged.status === 426);
    return;
  }
  assertEquals(isUpgradeRequest(head), true);
  const { headers } = head;
  assertEquals([head.method, head.version], ["GET", "1.1"]);
  assert(members(headers.get("upgrade")).includes("websocket"));
  assert(members(headers.get("connection")).includes("upgrade"));
  assertEquals(headers.getAll("sec-websocket-version"), ["13"]);
  assertEquals(headers.getAll("sec-websocket-key"), [judged.key]);
  assert(/^[+/0-9A-Za-z]{22}==$/.test(judged.key));
  assertEquals(atob(judged.key).length, 16);
  assertEquals(headers.getAll("host").length, 1);
  assertEquals(new Set(judged.protocols).size, judged.protocols.length);
  await answer(judged);
}

/** What the server answers, its client takes. */
async function answer(acceptance: HandshakeAcceptance): Promise<void> {
  const protocol = acceptance.protocols.at(-1);
  const bytes = await formatAcceptance(acceptance, { protocol, headers: [] });
  const result = createResponseParser().push(concat([bytes, Uint8Array.of(0x81)]));
  assert(result !== undefined && "head" in result);
  assertEquals(toLatin1(result.rest), "\x81");
  const { protocols } = acceptance;
  const judged = await judgeResponse(result.head, acceptance.key, { protocols });
  assertEquals(judged, { protocol: protocol ?? "", extensions: [] });
}

async function judgeAsClient(head: ResponseHead): Promise<void> {
  const protocols = ["chat", "superchat"];
  const extensions = [{ name: "permessage-deflate", parameters: [] }];
  const judged = await judgeResponse(head, KEY, { protocols, extensions });
  if ("reason" in judged) return assert(judged.reason.length > 0);
  const { headers } = head;
  // Of a response RFC 6455 4.1 does not ask for HTTP/1.1.
  assertEquals([head.status, ["1.0", "1.1"].includes(head.version)], [101, true]);
  assertEquals(headers.get("upgrade")?.toLowerCase(), "websocket");
  assert(members(headers.get("connection")).includes("upgrade"));
  assertEquals(headers.getAll("sec-websocket-accept"), ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
  assert(["", ...protocols].includes(judged.protocol));
  assert(judged.extensions.every(({ name }) => name === "permessage-deflate"));
}
