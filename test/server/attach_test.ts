// Heads that somebody else has read, over streams in memory; real servers are in test/runtimes/node.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { asksForWebSocket, Attachment } from "../../src/server/attach.ts";
import type { ForeignHead } from "../../src/server/late_request.ts";
import { createMemoryRuntime } from "@sansocket/ws/testing";
import { settled } from "../support/connections.ts";
import { test } from "../support/test.ts";
import type { Transport, TransportSink } from "../../src/transport/transport.ts";

const head: ForeignHead = {
  method: "GET",
  target: "/chat",
  // deno-fmt-ignore
  fields: [
    "Host", "server.example", "Connection", "Upgrade", "Upgrade", "websocket",
    "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
  ],
};

/** A masked text frame "Hello" (RFC 6455 section 5.7). */
const HELLO = Uint8Array.from([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);

/** Two ends of a stream; what comes to the near one is text. */
async function stream(): Promise<{ far: Transport; near: Transport; got: () => string }> {
  const runtime = createMemoryRuntime();
  let far!: Transport;
  const address = { hostname: "127.0.0.1", port: 1 };
  await runtime.listen(address, (transport) => far = transport);
  const near = await runtime.dial(address, { signal: undefined });
  let text = "";
  const sink: TransportSink = {
    data: (chunk) => void (text += String.fromCharCode(...chunk)),
    end: () => near.end(),
    drain() {},
    closed() {},
  };
  near.sink = sink;
  near.resume();
  await settled();
  return { far, near, got: () => text };
}

test("Attachment take() upgrades, and takes the bytes behind the head first", async () => {
  const { far, near, got } = await stream();
  const attachment = new Attachment({}, undefined, { message: (ws, data) => ws.send(data) });
  attachment.take(far, head, HELLO);
  await settled();
  await settled();
  assertStringIncludes(got(), "HTTP/1.1 101 ");
  assertStringIncludes(got(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  assertStringIncludes(got(), "\r\n\r\n\x81\x05Hello");
  assertEquals(attachment.connections.size, 1);
  assertEquals(attachment.stats().connections, 1);
  near.destroy();
  await attachment.close();
});

test("Attachment take() refuses what is no handshake, and ends the connection", async () => {
  const { far, got } = await stream();
  const attachment = new Attachment({}, undefined, {});
  attachment.take(far, { ...head, fields: head.fields.slice(0, 6) }, new Uint8Array());
  await settled();
  assertStringIncludes(got(), "HTTP/1.1 4");
  assertStringIncludes(got().toLowerCase(), "connection: ");
  await attachment.close();
  assertEquals(attachment.connections.size, 0);
});

test("Attachment take() lets fetch decide, and answers one request only", async () => {
  const { far, near, got } = await stream();
  const attachment = new Attachment({}, undefined);
  const fetch = () => new Response("no", { status: 403 });
  attachment.take(far, head, new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), fetch);
  await settled();
  assertStringIncludes(got(), "HTTP/1.1 403 ");
  assertStringIncludes(got(), "connection: close");
  assertEquals(got().split("HTTP/1.1").length, 2);
  near.destroy();
  await attachment.close();
});

test("Attachment take() refuses more than maxConnections", async () => {
  const attachment = new Attachment({ guard: { maxConnections: 1 } }, undefined, {});
  const [first, second] = [await stream(), await stream()];
  attachment.take(first.far, head, new Uint8Array());
  await settled();
  attachment.take(second.far, head, new Uint8Array());
  await settled();
  assertStringIncludes(second.got(), "HTTP/1.1 503 ");
  first.near.destroy();
  second.near.destroy();
  await attachment.close();
});

test("Attachment close() takes the options of Server.close()", async () => {
  const { far, near, got } = await stream();
  const attachment = new Attachment({}, undefined, () => new Promise(() => {}));
  attachment.take(far, head, new Uint8Array());
  await settled();
  // The peer answers nothing, and the handler never returns: `timeout` bounds both.
  await attachment.close({ code: 1012, reason: "Back soon", timeout: 10 });
  assertStringIncludes(got(), "\x88\x0b\x03\xf4Back soon");
  assertEquals(attachment.connections.size, 0);
  await assertRejects(() => new Attachment({}, undefined).close({ code: 1006 }), RangeError);
  near.destroy();
});

test("Attachment error() survives a reporter that throws", () => {
  const reported: unknown[] = [];
  const attachment = new Attachment({ error: (error) => reported.push(error) }, undefined);
  attachment.error("mine");
  assertEquals(reported, ["mine"]);
});

test("asksForWebSocket() looks for the token", () => {
  const cases: [string | undefined, boolean][] = [
    ["websocket", true],
    ["WebSocket", true],
    ["h2c, websocket", true],
    ["h2c", false],
    ["websockets", false],
    [undefined, false],
  ];
  for (const [value, expected] of cases) assertEquals(asksForWebSocket(value), expected);
});
