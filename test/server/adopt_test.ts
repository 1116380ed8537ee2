// Decisions, on an engine that only says what it was told; the engines themselves are in test/runtimes.

import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { type Admitted, Adoption } from "../../src/server/adopt.ts";
import type { NativeSocket } from "../../src/server/engine_transport.ts";
import { settled } from "../support/connections.ts";
import { test } from "../support/test.ts";

const address = { hostname: "192.0.2.1", port: 1 };

function request(changes: Record<string, string | undefined> = {}): Request {
  const headers = new Headers();
  const fields = {
    host: "server.example",
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...changes,
  };
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) headers.set(name, value);
  }
  return new Request("http://server.example/chat?x=1", { headers });
}

function open(admitted: Response | Admitted, log: string[] = []) {
  assert(!(admitted instanceof Response));
  const socket: NativeSocket = {
    send: (data) => log.push(String(data)) > 0,
    close: (code) => void log.push(`close ${code}`),
    terminate: () => void log.push("terminate"),
    bufferedAmount: 0,
  };
  return admitted.open(socket);
}

test("Adoption decide() refuses as serve() does", async () => {
  const adoption = new Adoption({});
  const cases: [number, Record<string, string | undefined>][] = [
    [426, { upgrade: undefined }],
    [426, { "sec-websocket-version": "8" }],
    [400, { "sec-websocket-key": "short" }],
    [403, { origin: "https://evil.example" }],
  ];
  for (const [status, changes] of cases) {
    const refusal = adoption.decide(request(changes), address, {});
    assertInstanceOf(refusal, Response);
    assertEquals(refusal.status, status);
    assertStringIncludes(await refusal.text(), "Expected");
  }
});

test("Adoption decide() tells of whom it refuses, once, and of whom the engine does not upgrade", () => {
  const told: unknown[] = [];
  const reported: unknown[] = [];
  const adoption = new Adoption({
    refused: ({ cause, status, remoteAddress, request }) =>
      void told.push([cause, status, remoteAddress?.hostname, request?.target]),
    error: (error) => reported.push(error),
  });
  adoption.decide(request({ origin: "https://evil.example" }), address, {});
  adoption.decide(request(), address, {}, { protocol: () => "z" });
  const admitted = adoption.decide(request(), address, {});
  assert(!(admitted instanceof Response));
  admitted.cancel();
  const other = adoption.decide(request(), address, {});
  assert(!(other instanceof Response));
  other.cancel(400);
  assertEquals(
    told,
    [["origin", 403], ["error", 500], ["handshake", 400]].map((
      one,
    ) => [...one, "192.0.2.1", "/chat?x=1"]),
  );
  assertEquals(reported.length, 1);
});

test("Adoption decide() says what the engine needs", () => {
  const adoption = new Adoption({});
  const admitted = adoption.decide(
    request({ "sec-websocket-protocol": "a, b", origin: "http://server.example" }),
    address,
    {},
    { protocol: ["x", "b"], headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] },
  );
  assert(!(admitted instanceof Response));
  assertEquals(admitted.protocol, "b");
  assertEquals(admitted.headers, [["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
  assertEquals(admitted.request.url, "http://server.example/chat?x=1");
  assertEquals(admitted.request.headers.get("sec-websocket-protocol"), "a, b");
});

for (
  const [what, options] of [
    ["a subprotocol that was not offered", { protocol: () => "z" }],
    ["a header field of the handshake", { headers: { "sec-websocket-accept": "x" } }],
  ] as const
) {
  test(`Adoption decide() answers ${what} with 500`, () => {
    const reported: unknown[] = [];
    const adoption = new Adoption({ error: (error) => reported.push(error) });
    const refusal = adoption.decide(request(), address, {}, options);
    assertInstanceOf(refusal, Response);
    assertEquals([refusal.status, reported.length], [500, 1]);
  });
}

test("Adoption counts who comes and goes", async () => {
  const adoption = new Adoption({ guard: { maxConnections: 1 } });
  const first = adoption.decide(request(), address, {});
  const full = adoption.decide(request(), address, {});
  assertInstanceOf(full, Response);
  assertEquals(full.status, 503);
  assert(!(first instanceof Response));
  first.cancel();

  const transport = open(adoption.decide(request(), address, {}));
  assertEquals(adoption.connections.size, 1);
  transport.closed(1000, "");
  await settled();
  assertEquals(adoption.connections.size, 0);
  const third = adoption.decide(request(), address, {});
  assert(!(third instanceof Response));
  third.cancel();
});

test("Adoption runs the handler on what the engine opens", async () => {
  const adoption = new Adoption({});
  const log: string[] = [];
  const decision = adoption.decide(request(), address, {
    open: (ws: { data: string; remoteAddress: unknown; send(text: string): unknown }) =>
      ws.send(`${ws.data} ${JSON.stringify(ws.remoteAddress)}`),
    message: (ws: { send(text: unknown): unknown }, data: unknown) => ws.send(data),
  } as never, { data: "data" });
  const transport = open(decision, log);
  transport.message("hello");
  await settled();
  assertEquals(log, [`data ${JSON.stringify(address)}`, "hello"]);
  transport.closed(1006, "");
  await adoption.close();
});

test("Adoption close() closes with 1001, waits, and refuses", async () => {
  const adoption = new Adoption({});
  const log: string[] = [];
  const transport = open(adoption.decide(request(), address, {}), log);
  const closed = adoption.close();
  assertEquals(adoption.close(), closed);
  await settled();
  assertEquals(log, ["close 1001"]);
  const refusal = adoption.decide(request(), address, {});
  assertInstanceOf(refusal, Response);
  assertEquals(refusal.status, 503);
  transport.closed(1001, "");
  await closed;
});

test("Adoption close() takes the options of Server.close(), and cuts what has not ended", async () => {
  const adoption = new Adoption({});
  const log: string[] = [];
  open(adoption.decide(request(), address, () => new Promise(() => {})), log);
  // The engine tells nothing of an end, and the handler never returns.
  await adoption.close({ code: 1012, timeout: 10 });
  assertEquals(log[0], "close 1012");
  assertEquals(adoption.connections.size, 0);
});
