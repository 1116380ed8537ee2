// What a peer can do wrong has a name, in `cause` of how the connection ended, on both ends.

import { assertEquals, assertInstanceOf } from "@std/assert";
import { connect, ProtocolError, serve, type WebSocketConnection } from "@sansocket/ws";
import type { CloseInfo, ConnectionLimits, ServerOptions, ViolationCode } from "@sansocket/ws";
import { computeAccept } from "../../src/handshake/key.ts";
import { withResolvers } from "../support/connections.ts";
import { RawPeer, RawServer } from "../support/raw.ts";
import { test } from "../support/test.ts";

/** A violation, its close code, and the frames of a server that commit it. */
type Row = readonly [ViolationCode, code: number, frames: string];

const limits: ConnectionLimits = { maxMessageSize: 1000, maxFragments: 2 };
const rows: readonly Row[] = [
  ["reserved-bits", 1002, "a100"],
  ["reserved-bits", 1002, "c100"],
  ["reserved-opcode", 1002, "8300"],
  ["reserved-opcode", 1002, "8b00"],
  ["fragmented-control-frame", 1002, "0900"],
  ["control-frame-too-long", 1002, "897e007e"],
  ["continuation-without-start", 1002, "8000"],
  ["message-inside-message", 1002, "0100 8100"],
  ["length-not-minimal", 1002, "817e0001 61"],
  ["length-negative", 1002, "827f8000000000000000"],
  ["length-too-large", 1009, "827f0020000000000000"],
  ["invalid-close-frame", 1002, "880103"],
  ["invalid-close-frame", 1002, "880203ed"],
  ["invalid-close-reason", 1007, "880303e8ff"],
  ["invalid-utf8", 1007, "8101ff"],
  ["invalid-utf8", 1007, "0101c3 800161"],
  ["message-too-big", 1009, "827e03e9"],
  ["too-many-fragments", 1009, "0200 0000 0000"],
];

/** The same frames from a client, with a masking key of zeros. */
function masked(hex: string): string {
  return hex.split(" ").map((frame) => {
    const form = parseInt(frame.slice(2, 4), 16);
    const header = form < 126 ? 4 : form === 126 ? 8 : 20;
    const second = (form | 0x80).toString(16);
    return frame.slice(0, 2) + second + frame.slice(4, header) + "00000000" + frame.slice(header);
  }).join("");
}

function check({ code, cause }: CloseInfo, violation: ViolationCode, expected: number): void {
  assertInstanceOf(cause, ProtocolError);
  assertEquals([cause.violation, cause.code], [violation, expected]);
  // A code that may not be sent is told as it came.
  assertEquals(code, cause.message.includes("code 1005") ? 1005 : expected);
}

/** What a server makes of a client that sends this. */
async function onServer(
  hex: string,
  options: ServerOptions,
  ...fields: string[]
): Promise<CloseInfo> {
  const ended = withResolvers<CloseInfo>();
  await using server = await serve({
    ...options,
    port: 0,
    websocket: { message() {}, close: (_ws, info) => ended.resolve(info) },
  });
  await using peer = await RawPeer.dial(server.port);
  await peer.upgrade(...fields);
  peer.sendHex(hex);
  await peer.takeRest();
  peer.end();
  return await ended.promise;
}

/** What a client makes of a server that sends this. */
async function onClient(hex: string, options: ConnectionLimits): Promise<CloseInfo> {
  await using server = await RawServer.listen();
  const connecting = connect(server.url, { ...options, compression: false });
  const peer = await server.accept();
  const request = await peer.takeThrough("\r\n\r\n");
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? "";
  peer.send(
    "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${computeAccept(key)}\r\n\r\n`,
  );
  const ws: WebSocketConnection = await connecting;
  ws.receive().catch(() => {});
  peer.sendHex(hex);
  await peer.takeRest();
  peer.end();
  return await ws.closed;
}

for (const [violation, code, frames] of rows) {
  test(`ProtocolError names ${violation}: ${frames}`, async () => {
    check(await onServer(masked(frames), limits), violation, code);
    check(await onClient(frames.replaceAll(" ", ""), limits), violation, code);
  });
}

test("ProtocolError names unmasked-frame and masked-frame by who sent it", async () => {
  check(await onServer("8100", {}), "unmasked-frame", 1002);
  check(await onClient(masked("8100"), {}), "masked-frame", 1002);
});

test("ProtocolError names invalid-deflate", async () => {
  const offer = "+Sec-WebSocket-Extensions: permessage-deflate";
  check(await onServer("c18100000000ff", { compression: true }, offer), "invalid-deflate", 1007);
});

test("ProtocolError names the limit of guard that was met", async () => {
  const options = { guard: { messagesPerSecond: 1 } };
  check(await onServer(masked("8100").repeat(50), options), "messagesPerSecond", 1008);
});
