// What a server answers to connect(): interim responses before the answer, and refusals whose body is not complete.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import { connect, type ConnectOptions, HandshakeError } from "@sansocket/ws";
import { readAnswer } from "../../src/client/read_response.ts";
import { concat } from "../../src/util/bytes.ts";
import { computeAccept } from "../../src/handshake/key.ts";
import { TransportReader } from "../../src/transport/pull_reader.ts";
import { createClocked } from "../support/clocked.ts";
import { withoutRow } from "../support/error_rows.ts";
import { RawPeer, RawServer } from "../support/raw.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";
import { fedTransport } from "../support/transports.ts";

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const PROCESSING = "HTTP/1.1 102 Processing\r\nX-Progress: 50%\r\n\r\n";
const HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
const UNKNOWN = "HTTP/1.1 199 \r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Connects to a peer that answers by hand; `answer` gets what the acceptance would be. */
async function dial(
  answer: (peer: RawPeer, acceptance: string) => unknown,
  options: ConnectOptions = {},
): Promise<[Awaited<ReturnType<typeof connect>> | undefined, unknown]> {
  const { clock, connect, listen } = createClocked();
  const server = await listen();
  const connecting = connect(server.url, options).then(
    (ws) => [ws, undefined] as [typeof ws, undefined],
    (error: unknown) => [undefined, error] as [undefined, unknown],
  );
  const peer = await server.accept();
  const request = await peer.takeThrough("\r\n\r\n");
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? "";
  await answer(
    peer,
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${computeAccept(key)}\r\nX-Mine: a\r\nx-mine: b\r\n\r\n`,
  );
  await clock.advance(options.handshakeTimeout ?? 0);
  const outcome = await connecting;
  outcome[0]?.terminate();
  await outcome[0]?.closed;
  return outcome;
}

for (
  const [what, interim] of [
    ["100", CONTINUE],
    ["102", PROCESSING],
    ["103", HINTS],
    ["a status that nobody knows", UNKNOWN],
    ["HTTP/1.0 100", "HTTP/1.0 100 Continue\r\n\r\n"],
    ["several", CONTINUE + PROCESSING + HINTS + HINTS],
    ["sixteen", HINTS.repeat(16)],
  ] as const
) {
  test(`connect() gets over interim responses: ${what} (RFC 9110 15.2)`, async () => {
    const [together] = await dial((peer, acceptance) => peer.send(interim + acceptance));
    assertEquals(together?.response?.status, 101);
    const [, error] = await dial((peer) =>
      peer.send(`${interim}HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno`)
    ) as [undefined, HandshakeError];
    assertEquals([error.status, error.body], [403, "no"]);
  });
}

test("connect() gets over no more than sixteen interim responses", async () => {
  const [, error] = await dial((peer, accept) => peer.send(HINTS.repeat(17) + accept));
  assertEquals(
    withoutRow((error as HandshakeError).message),
    "Expected an answer behind at most 16 interim responses, got one more",
  );
});

test("connect() bounds interim responses that never come to an answer by handshakeTimeout", async () => {
  const [, error] = await dial((peer) => peer.send(CONTINUE), { handshakeTimeout: 5_000 });
  assertEquals(
    withoutRow((error as HandshakeError).message),
    "The opening handshake took more than 5000 ms",
  );
});

test("readAnswer() finds the same answer and the same bytes behind it however they are cut", async () => {
  const text = `${CONTINUE}${HINTS}HTTP/1.1 101 Switching Protocols\r\nX-Mine: a\r\n\r\n`;
  const input = concat([new TextEncoder().encode(text), new Uint8Array([0x81, 0x01, 0x61])]);
  for (const chunks of cuts(input)) {
    const reader = new TransportReader(fedTransport(chunks));
    const { status, headers } = await readAnswer(reader, 1_000, false);
    const rest: Uint8Array[] = [];
    for (let chunk; typeof (chunk = await reader.read(1_000)) !== "string";) rest.push(chunk);
    assertEquals([status, [...headers], encodeHex(concat(rest))], [
      101,
      [["x-mine", "a"]],
      "810161",
    ]);
  }
});

const unended: [what: string, rest: string, body: string][] = [
  ["without a length", "\r\nyou may not", "you may not"],
  ["with a length", "Content-Length: 99\r\n\r\nyou may not", "you may not"],
  ["in chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\nyou\r\n9\r\n may", "you may"],
  ["of which nothing comes", "Content-Length: 99\r\n\r\n", ""],
];

for (const [what, rest, body] of unended) {
  test(`connect() keeps a refusal whose body does not end: ${what}`, async () => {
    const [, error] = await dial(
      (peer) => peer.send(`HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n${rest}`),
      { handshakeTimeout: 5_000 },
    ) as [undefined, HandshakeError];
    assertEquals(withoutRow(error.message), "Expected status 101, got 503 Busy");
    assertEquals([error.status, error.headers?.get("retry-after"), error.body], [503, "7", body]);
  });
}

test("connect() rejects with its signal's reason in the middle of a refusal's body", async () => {
  const controller = new AbortController();
  const reason = new Error("Changed my mind");
  const [, error] = await dial((peer) => {
    peer.send("HTTP/1.1 503 Busy\r\n\r\nyou");
    controller.abort(reason);
  }, { signal: controller.signal });
  assertStrictEquals(error, reason);
});

test("response has the status and the fields of the acceptance, on a client", async () => {
  const [ws] = await dial((peer, acceptance) => peer.send(acceptance));
  const response = ws?.response;
  assertEquals([response?.status, response?.statusText], [101, "Switching Protocols"]);
  assertEquals(response?.headers.get("x-mine"), "a, b");
  assertEquals(response?.headers.get("upgrade"), "websocket");
  assertStrictEquals(ws?.response, response);
});

for (const hanging of ["get", "set"] as const) {
  test(`connect() gives up after handshakeTimeout on a cookies.${hanging}() that hangs`, async () => {
    const { clock, connect, listen } = createClocked();
    const server = await listen();
    const never = new Promise<string>(() => {});
    const cookies = { get: () => hanging === "get" ? never : "a=1", set: () => never };
    const connecting = connect(server.url, { cookies, handshakeTimeout: 5_000 });
    connecting.catch(() => {});
    const peer = await server.accept();
    peer.send("HTTP/1.1 403 Forbidden\r\nSet-Cookie: a=2\r\nContent-Length: 0\r\n\r\n");
    await clock.advance(5_000);
    const error = await assertRejects(() => connecting, HandshakeError);
    assertEquals(withoutRow(error.message), "The opening handshake took more than 5000 ms");
    // The connection is not left behind.
    await peer.takeRest();
  });

  test(`connect() rejects with its signal's reason while cookies.${hanging}() hangs`, async () => {
    await using server = await RawServer.listen();
    const controller = new AbortController();
    const reason = new Error("Changed my mind");
    const wait = (): Promise<never> => {
      controller.abort(reason);
      return new Promise((_, reject) => queueMicrotask(() => reject(new Error("Too late"))));
    };
    const cookies = { get: () => hanging === "get" ? wait() : "a=1", set: wait };
    const connecting = connect(server.url, { cookies, signal: controller.signal });
    connecting.catch(() => {});
    const peer = await server.accept();
    peer.send("HTTP/1.1 403 Forbidden\r\nSet-Cookie: a=2\r\nContent-Length: 0\r\n\r\n");
    assertStrictEquals(await assertRejects(() => connecting, Error), reason);
    await peer.takeRest();
  });
}
