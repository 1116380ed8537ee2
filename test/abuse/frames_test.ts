// Malformed frames over real sockets: the Close frame says why, then TCP ends (RFC 6455 7.1.7).
// Frames of the table are a client's, masked with 00000000 where they are masked, so that payloads can be read.

import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLessOrEqual,
} from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { type CloseInfo, connect, ProtocolError, serve } from "@sansocket/ws";
import { withResolvers } from "../support/connections.ts";
import { withoutRow } from "../support/error_rows.ts";
import { RawPeer, RawServer } from "../support/raw.ts";
import { computeAccept } from "../../src/handshake/key.ts";
import { closeInfo } from "../support/close_info.ts";
import { test } from "../support/test.ts";

const KEY = "00000000";
const MIB = 0x100000;

/** A masked Close frame with a code and a reason in hex. */
function close(code: number, reason = ""): string {
  const length = (2 + reason.length / 2).toString(16).padStart(2, "0");
  const body = code.toString(16).padStart(4, "0") + reason;
  return `88${(0x80 | parseInt(length, 16)).toString(16)}${KEY}${body}`;
}

const hex8 = (length: number): string => length.toString(16).padStart(16, "0");

const table: [string, string, number][] = [
  ["an unmasked text", "810161", 1002],
  ["an unmasked ping", "8900", 1002],
  ["an unmasked close", "880203e8", 1002],
  ["RSV1", `c181${KEY}61`, 1002],
  ["RSV2", `a181${KEY}61`, 1002],
  ["RSV3", `9181${KEY}61`, 1002],
  ["RSV1 on a ping", `c980${KEY}`, 1002],
  ...["3", "4", "5", "6", "7", "b", "c", "d", "e", "f"].map(
    (opcode): [string, string, number] => [`opcode 0x${opcode}`, `8${opcode}80${KEY}`, 1002],
  ),
  ["a fragmented close", `0880${KEY}`, 1002],
  ["a fragmented ping", `0980${KEY}`, 1002],
  ["a fragmented pong", `0a80${KEY}`, 1002],
  ["a ping of 126 octets", `89fe007e${KEY}`, 1002],
  ["a pong of 65,536 octets", `8aff${hex8(65_536)}${KEY}`, 1002],
  ["a close of 126 octets", `88fe007e${KEY}`, 1002],
  ["a continuation of nothing", `8080${KEY}`, 1002],
  ["a continuation behind a whole message", `8180${KEY}8080${KEY}`, 1002],
  ["a text inside a message", `0180${KEY}8180${KEY}`, 1002],
  ["a binary message inside a text", `0180${KEY}0280${KEY}`, 1002],
  ["125 octets in the 16-bit form", `82fe007d${KEY}`, 1002],
  ["65,535 octets in the 64-bit form", `82ff${hex8(65_535)}${KEY}`, 1002],
  ["a length with its highest bit set", `82ff8000000000000000${KEY}`, 1002],
  ["a length of 2^53", `82ff0020000000000000${KEY}`, 1009],
  ["a message of 1 MiB and 1", `82ff${hex8(MIB + 1)}${KEY}`, 1009],
  ["a text of 1 MiB and 1", `81ff${hex8(MIB + 1)}${KEY}`, 1009],
  ["fragments of 1 MiB and 1", `0281${KEY}00` + `80ff${hex8(MIB)}${KEY}`, 1009],
  ["an octet that UTF-8 has not", `8181${KEY}ff`, 1007],
  ["an overlong form", `8182${KEY}c080`, 1007],
  ["a surrogate", `8183${KEY}eda080`, 1007],
  ["a character above U+10FFFF", `8184${KEY}f4908080`, 1007],
  ["text that stops within a character", `8182${KEY}e298`, 1007],
  ["fragments that stop within a character", `0182${KEY}e298` + `8080${KEY}`, 1007],
  ["bad text in a message that goes on", `0182${KEY}c328`, 1007],
  ["bad text in a frame that goes on", `81fe03e8${KEY}61ff`, 1007],
  ["bad text across fragments", `0181${KEY}e2` + `0081${KEY}28`, 1007],
  ["a close body of one octet", `8881${KEY}03`, 1002],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(
    (code): [string, string, number] => [`close code ${code}`, close(code), 1002],
  ),
  ["a close reason that is not UTF-8", close(1000, "ff"), 1007],
];

for (const [what, frames, code] of table) {
  test(`serve() closes with ${code} for ${what}`, async () => {
    const info = withResolvers<CloseInfo>();
    const messages: unknown[] = [];
    const reported: unknown[] = [];
    await using server = await serve({
      port: 0,
      error: (error) => reported.push(error),
      websocket: {
        message: (_ws, data) => messages.push(data),
        close: (_ws, it) => info.resolve(it),
      },
    });
    await using peer = await RawPeer.dial(server.port);
    await peer.upgrade();
    // What stands behind the bad frame is never looked at.
    peer.sendHex(frames + `8183${KEY}616263`);
    const sent = await peer.takeClose();
    assertEquals(sent.code, code);
    assert(sent.reason.length > 0);
    assertEquals((await peer.takeRest()).length, 0);
    peer.end();
    const ended = await info.promise;
    const { cause } = ended;
    assertInstanceOf(cause, ProtocolError);
    assertEquals([cause.code, withoutRow(cause.message)], [code, sent.reason]);
    // A code that may not be sent is told as it came.
    const received = what.startsWith("close code")
      ? { code: Number(what.slice("close code ".length)), reason: "" }
      : undefined;
    assertEquals(
      ended,
      closeInfo({
        ...(received ?? sent),
        wasClean: false,
        initiator: "local",
        endedBy: "violation",
        violation: cause.violation,
        sent,
        received,
        cause,
      }),
    );
    assertEquals(messages.filter((message) => message !== ""), []);
    assertEquals(reported, []);
  });
}

for (
  const [what, frames, limits] of [
    ["octets", `0282${KEY}0000` + `0082${KEY}0000`, { maxMessageSize: 3 }],
    ["fragments", `0280${KEY}` + `0080${KEY}`.repeat(3), { maxFragments: 3 }],
  ] as const
) {
  test(`serve() closes with 1009 for a message of too many ${what}`, async () => {
    await using server = await serve({ port: 0, websocket: {}, ...limits });
    await using peer = await RawPeer.dial(server.port);
    await peer.upgrade();
    peer.sendHex(frames);
    assertEquals((await peer.takeClose()).code, 1009);
    assertEquals((await peer.takeRest()).length, 0);
  });
}

test("serve() answers what came before the bad frame", async () => {
  await using server = await serve({
    port: 0,
    websocket: { message: (ws, data) => ws.send(data) },
  });
  await using peer = await RawPeer.dial(server.port);
  await peer.upgrade();
  peer.sendHex(`8181${KEY}61` + `8981${KEY}62` + `8181${KEY}63` + `8380${KEY}`);
  assertEquals(encodeHex(await peer.take(9)), "810161" + "8a0162" + "810163");
  assertEquals((await peer.takeClose()).code, 1002);
});

const fromServer: [string, string, number][] = [
  ["a masked text", `8181${KEY}61`, 1002],
  ["a masked close", close(1000), 1002],
  ["RSV1", "c10161", 1002],
  ["a reserved opcode", "8300", 1002],
  ["a fragmented ping", "0900", 1002],
  ["a continuation of nothing", "8000", 1002],
  ["a length not in its shortest form", "827e007d", 1002],
  ["a length with its highest bit set", "827f8000000000000000", 1002],
  ["a message of 1 MiB and 1", `827f${hex8(MIB + 1)}`, 1009],
  ["an octet that UTF-8 has not", "8101ff", 1007],
  ["a close body of one octet", "880103", 1002],
  ["close code 1005", "880203ed", 1002],
];

for (const [what, frames, code] of fromServer) {
  test(`connect() closes with ${code} for ${what}`, async () => {
    await using server = await RawServer.listen();
    const connecting = connect(server.url, { compression: false });
    const peer = await server.accept();
    const request = await peer.takeThrough("\r\n\r\n");
    const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? "";
    peer.send(
      "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${computeAccept(key)}\r\n\r\n`,
    );
    const ws = await connecting;
    const received = ws.receive().catch(() => "nothing");
    peer.sendHex(frames);
    const frame = await peer.takeFrame();
    assertEquals([frame.first, frame.masked], [0x88, true]);
    assertEquals(encodeHex(frame.payload.subarray(0, 2)), code.toString(16).padStart(4, "0"));
    assertEquals((await peer.takeRest()).length, 0);
    peer.end();
    const { cause, wasClean } = await ws.closed;
    assertInstanceOf(cause, ProtocolError);
    assertEquals([cause.code, wasClean, await received], [code, false, "nothing"]);
  });
}

test("serve() keeps only the newest Pong for a peer that floods it with Pings and does not read", async () => {
  const buffered = withResolvers<number>();
  await using server = await serve({
    port: 0,
    // What remains of it without the limit on Pings.
    guard: { controlFramesPerSecond: Infinity },
    websocket: { message: (ws) => buffered.resolve(ws.bufferedAmount) },
  });
  await using peer = await RawPeer.dial(server.port);
  await peer.upgrade();
  peer.pause();
  const ping = decodeHex(`89fd${KEY}${"61".repeat(125)}`);
  const batch = new Uint8Array(ping.length * 4096);
  for (let i = 0; i < 4096; i++) batch.set(ping, i * ping.length);
  // 50 MiB of Pongs: more than the kernel holds, and more than may wait.
  const batches = 100;
  for (let i = 0; i < batches; i++) await peer.flush(batch);
  await peer.flush(decodeHex(`8981${KEY}7a` + `8181${KEY}61` + close(1000)));
  // The Pongs of one chunk may wait (Bun's chunks have 512 KiB), and the newest behind them.
  assertLessOrEqual(await buffered.promise, MIB);
  peer.resume();
  const pongs = await peer.takeRest();
  // The newest Pong, and the answer to the close behind it.
  assertEquals(encodeHex(pongs.subarray(-7)), "8a017a" + "880203e8");
  assertGreater((ping.length - 4) * 4096 * batches, pongs.length);
});
