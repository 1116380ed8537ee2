// Whole sessions of HTTP, an upgrade and frames behind it included, in chunks of any size down to one octet: what a server
// answers, and what a client makes of an answer, does not depend on how the bytes came.

import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import { ConnectionClosed, HandshakeError } from "@sansocket/ws";
import { createConnect, createServe } from "@sansocket/ws/web";
import type { Runtime, Transport } from "@sansocket/ws/core";
import type { Bytes } from "../../../src/util/bytes.ts";
import { concat } from "../../../src/util/bytes.ts";
import { REQUEST, RESPONSE } from "../../handshake/heads.ts";
import { FakeTransport } from "../../support/transports.ts";
import { mutated, type Stream, streamOf } from "../mutate.ts";
import { readHeads } from "../naive_http.ts";
import { fromLatin1, toLatin1 } from "../naive_utf8.ts";
import { frameStream } from "../streams.ts";
import { chunkings, samplesOf, type Target } from "../target.ts";
import { turn, turns, until, within } from "../waits.ts";

/** How the bytes come, and who gets them. */
export interface SessionOptions {
  /** After so many chunks there is a turn of the event loop; 0 stands for never. */
  readonly pace: number;
  /** What the server does with a request that asks for no WebSocket. */
  readonly handler: "reads" | "ignores" | "streams";
  /** The most octets of a body. */
  readonly maxBodySize: number;
}

const bodies: fc.Arbitrary<readonly (string | Uint8Array)[]> = fc.oneof(
  fc.constant(["GET /a HTTP/1.1\r\nHost: example.org\r\n", "\r\n"]),
  fc.constant(["HEAD / HTTP/1.1\r\nHost: example.org\r\n", "\r\n"]),
  fc.uint8Array({ maxLength: 40 }).map((body) => [
    "POST /length HTTP/1.1\r\nHost: example.org\r\n",
    `Content-Length: ${body.length}\r\n`,
    "\r\n",
    body,
  ]),
  fc.array(fc.uint8Array({ minLength: 1, maxLength: 12 }), { maxLength: 4 }).map((chunks) => [
    "POST /chunked HTTP/1.1\r\nHost: example.org\r\n",
    "Transfer-Encoding: chunked\r\n",
    "\r\n",
    ...chunks.flatMap((chunk) => [`${chunk.length.toString(16)}\r\n`, chunk, "\r\n"]),
    "0\r\n",
    "\r\n",
  ]),
);

const upgrade: fc.Arbitrary<readonly (string | Uint8Array)[]> = frameStream("server").map((
  { bytes },
) => [...REQUEST.map((line) => `${line}\r\n`), "\r\n", bytes]);

function toStream(units: readonly (string | Uint8Array)[]): Stream {
  return streamOf(units.map((unit) => typeof unit === "string" ? fromLatin1(unit) : unit));
}

/** A server of pages and sockets. */
export const requests: Target<SessionOptions> = {
  name: "requests",
  promise: "what a server answers does not depend on how the requests were cut",
  file: "sessions.ts",
  samples: samplesOf(
    mutated(
      fc.tuple(
        fc.array(bodies, { maxLength: 3 }),
        fc.oneof(fc.constant<readonly (string | Uint8Array)[]>([]), upgrade),
      ).map(([requests, last]) => toStream([...requests.flat(), ...last])),
    ),
    fc.record<SessionOptions>({
      pace: fc.constantFrom(0, 1, 5),
      handler: fc.constantFrom("reads", "ignores", "streams"),
      maxBodySize: fc.constantFrom(20, 1000),
    }),
  ),
  async check(bytes: Bytes, cuts: readonly number[], options: SessionOptions): Promise<void> {
    const answers: string[][] = [];
    for (const chunks of chunkings(bytes, cuts)) answers.push(await serveChunks(chunks, options));
    // What is passed on as it comes is cut as it came, and may have begun to leave when a mistake is found.
    if (options.handler === "streams") return;
    const [whole] = answers;
    for (const answer of answers) assertEquals(answer, whole);
  },
};

/** What a server that is given these chunks writes, and what its handler got. */
async function serveChunks(
  chunks: readonly Bytes[],
  { pace, handler, maxBodySize }: SessionOptions,
): Promise<string[]> {
  const reported: unknown[] = [];
  const seen: string[] = [];
  let accept!: (transport: Transport) => void;
  const runtime: Runtime = {
    listen(address, accepted) {
      accept = accepted;
      return Promise.resolve({ address, close: () => Promise.resolve() });
    },
    dial: () => Promise.reject(new Error("Nothing is dialled")),
  };
  const server = await createServe(runtime)({
    heartbeat: false,
    maxBodySize,
    error: (error) => void reported.push(error),
    async fetch(request, { upgrade }) {
      if (request.headers.get("upgrade") !== null) return upgrade({ message() {} });
      const line = `${request.method} ${new URL(request.url).pathname}`;
      if (handler === "ignores") return new Response(line);
      if (handler === "streams") return new Response(request.body);
      const body = new Uint8Array(await request.arrayBuffer());
      seen.push(`${line} ${encodeHex(body)}`);
      return new Response(body);
    },
  });
  const transport = new FakeTransport();
  accept(transport);
  await feed(transport, chunks, pace);
  if (!transport.ended && !transport.destroyed) transport.sink.end();
  await until(() => transport.ended || transport.destroyed, "the end of the server's side");
  transport.sink.closed();
  await within(server.close(), "the end of the server");
  assertEquals(reported, []);
  return [...seen, ...describe(concat(transport.writes), transport.ended)];
}

/** Gives a transport the chunks while it reads, and until it is ended. */
async function feed(
  transport: FakeTransport,
  chunks: readonly Bytes[],
  pace: number,
): Promise<void> {
  await turns(2);
  for (const [i, chunk] of chunks.entries()) {
    if (transport.paused) {
      await until(
        () => !transport.paused || transport.ended || transport.destroyed,
        "that it reads on",
      );
    }
    if (transport.destroyed) return;
    if (chunk.length > 0) transport.sink.data(chunk);
    if (pace > 0 && i % pace === 0) await turn();
  }
  await turns(10);
}

/** What was written, without what is another each time. */
function describe(bytes: Bytes, ended: boolean): string[] {
  // Of two mistakes in one chunk the first may be found before what came in front of it has been counted.
  const text = toLatin1(bytes).replace(/\r\ndate: [^\r]*/gi, "")
    .replace(/HTTP\/1.1 4(?:00|13) (?:(?!HTTP\/1)[^])*$/, "HTTP/1.1 400 or 413");
  const [head] = readHeads(bytes, "response", { maxHeadSize: 16_384, maxHeaders: 128 }).heads;
  assert(head !== undefined || bytes.length === 0, `an answer, got ${text.slice(0, 40)}`);
  return [text, `ended: ${ended}`];
}

/** A client that gets an answer. */
export const responses: Target<Pick<SessionOptions, "pace">> = {
  name: "responses",
  promise: "what a client makes of an answer does not depend on how that was cut",
  file: "sessions.ts",
  samples: samplesOf(
    mutated(
      fc.tuple(
        fc.constantFrom(
          "",
          "HTTP/1.1 100 Continue\r\n\r\n",
          "HTTP/1.1 103 Early\r\nLink: a\r\n\r\n",
        ),
        fc.oneof(
          { weight: 3, arbitrary: frameStream("client").map(({ bytes }) => accepted(bytes)) },
          {
            weight: 1,
            arbitrary: fc.constantFrom<(string | Uint8Array)[]>(
              ["HTTP/1.1 403 Forbidden\r\n", "Content-Length: 2\r\n", "\r\n", "no"],
              ["HTTP/1.1 403 Forbidden\r\n", "\r\n", "to the end"],
              [
                ...["HTTP/1.1 503 Busy\r\n", "Transfer-Encoding: chunked\r\n", "\r\n"],
                ...["2\r\n", "no", "\r\n", "0\r\n", "\r\n"],
              ],
            ),
          },
        ),
      ).map(([interim, answer]) => toStream([interim, ...answer])),
    ),
    fc.record({ pace: fc.constantFrom(0, 1, 5) }),
  ),
  async check(bytes: Bytes, cuts: readonly number[], { pace }): Promise<void> {
    const outcomes: Outcome[] = [];
    for (const chunks of chunkings(bytes, cuts)) outcomes.push(await dialInto(bytes, chunks, pace));
    const [whole] = outcomes;
    for (const { messages, ...outcome } of outcomes) {
      const { messages: all, ...rest } = whole!;
      assertEquals(outcome, rest);
      // Messages that wait for their consumer when the peer breaks a rule are discarded.
      const count = Math.min(all.length, messages.length);
      assertEquals(messages.slice(0, count), all.slice(0, count));
      if (!outcome.violated) assertEquals(messages.length, all.length);
    }
  },
};

/** The `Sec-WebSocket-Accept` of the sample, in whose place the right one is put. */
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

function accepted(frames: Uint8Array): (string | Uint8Array)[] {
  return [...RESPONSE.map((line) => `${line}\r\n`), "\r\n", frames];
}

interface Outcome {
  readonly what: string;
  readonly messages: readonly string[];
  readonly violated: boolean;
  readonly written: string;
}

async function dialInto(bytes: Bytes, chunks: readonly Bytes[], pace: number): Promise<Outcome> {
  const transport = new FakeTransport();
  const runtime: Runtime = {
    listen: () => Promise.reject(new Error("Nothing listens")),
    dial: () => Promise.resolve(transport),
  };
  const messages: string[] = [];
  const connecting = createConnect(runtime)("ws://example.org/", {
    heartbeat: false,
    maxRedirects: 0,
    protocols: ["chat"],
  });
  const outcome = connecting.then(async (ws) => {
    for (;;) {
      try {
        const message = await ws.receive();
        messages.push(typeof message === "string" ? message : encodeHex(message));
      } catch (error) {
        assert(error instanceof ConnectionClosed);
        break;
      }
    }
    const { code, cause, wasClean } = await ws.closed;
    return { what: `${code} ${wasClean} ${String(cause)}`, violated: cause !== undefined };
  }, (error: unknown) => {
    assert(error instanceof HandshakeError, String(error));
    const { status, body } = error;
    // The key is another each time.
    const message = error.message.replace(/Accept \S+,/, "Accept,");
    // Of its body there is as much as came before a mistake in another chunk.
    const readable = body ?? "";
    // Nor is the field in whose place the right one was put the same.
    if (!readable.includes("Sec-WebSocket-Accept: ")) messages.push(...readable);
    return { what: `${status} ${message}`, violated: true };
  });
  await until(() => transport.writes.length > 0, "a request");
  const right = await acceptFor(transport.writes[0]!);
  // Nowhere else: it is another each time, and elsewhere its characters may mean something.
  const field = new RegExp(`(\\nSec-WebSocket-Accept: )${ACCEPT.replace("+", "\\+")}\\r\\n`).exec(
    toLatin1(bytes),
  );
  const at = field === null ? -1 : field.index + field[1]!.length;
  let start = 0;
  const given = chunks.map((chunk) => {
    const octets = chunk.map((octet, i) => {
      const place = start + i - at;
      return at >= 0 && place >= 0 && place < right.length ? right.charCodeAt(place) : octet;
    });
    start += chunk.length;
    return octets;
  });
  const request = transport.writes.length;
  await feed(transport, given, pace);
  if (!transport.destroyed) transport.sink.end();
  await turns(4);
  transport.sink.closed();
  const { what, violated } = await within(outcome, "an outcome");
  // Each frame of a client has a key of its own.
  const written = concat(transport.writes.slice(request)).length;
  // A refusal may repeat the field in whose place the right one was put.
  const known = what.replaceAll(right, ACCEPT);
  return { what: known, violated, messages, written: violated ? "" : `${written} octets` };
}

async function acceptFor(request: Bytes): Promise<string> {
  const key = /sec-websocket-key: ([^\r]*)/i.exec(toLatin1(request))?.[1];
  const text = `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const digest = await crypto.subtle.digest("SHA-1", fromLatin1(text));
  return btoa(toLatin1(new Uint8Array(digest)));
}
