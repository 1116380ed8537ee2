// RFC 6455 section 7.1: the closing handshake from both ends, and how a connection that ended describes itself.

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { decodeHex } from "@std/encoding";
import { type CloseInfo, ProtocolError } from "../../src/protocol/errors.ts";
import type { Protocol } from "../../src/protocol/protocol.ts";
import { createProtocol, feed, takeAll, takeFrames } from "../support/drive.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";

/** A Close frame as the peer of `role` sends it. */
function closeFrame(role: Protocol["role"], body: string): string {
  const length = body.length / 2;
  return role === "client"
    ? `88${length.toString(16).padStart(2, "0")}${body}`
    : `88${(0x80 + length).toString(16)}00000000${body}`;
}

/** The info as one line; the cause is compared by name and message. */
function summary(info: CloseInfo): string {
  const status = (side: CloseInfo["sent"]) =>
    side ? `${side.code}${side.reason && ":"}${side.reason}` : "-";
  const cause = info.cause === undefined ? "" : ` (${info.cause.name}: ${info.cause.message})`;
  return `${info.code}${info.reason && ":"}${info.reason} ${info.wasClean ? "clean" : "unclean"} ` +
    `${info.initiator} sent ${status(info.sent)} received ${status(info.received)}${cause}`;
}

const roles = ["client", "server"] as const;

test("7.1.2 this end starts: a Close frame, then the peer's, then the end", () => {
  for (const role of roles) {
    for (const chunks of cuts(decodeHex(closeFrame(role, "03e8")))) {
      const protocol = createProtocol(role);
      protocol.close(1000, "done");
      assertEquals([protocol.state, protocol.closeTimerDue, protocol.endDue], [
        "closing",
        true,
        false,
      ]);
      assertEquals(takeFrames(protocol), ["88 03e8646f6e65"]);
      assertEquals(feed(protocol, chunks), ["close"]);
      assertEquals([protocol.state, protocol.closeTimerDue], ["discarding", true]);
      assertEquals(protocol.output.byteLength, 0);
      assertEquals(
        summary(protocol.end(undefined)),
        "1000 clean local sent 1000:done received 1000",
      );
      assertEquals([protocol.state, protocol.closeTimerDue, protocol.endDue], [
        "closed",
        false,
        false,
      ]);
    }
  }
});

test("7.1.2 the peer starts: its code is echoed, its reason told", () => {
  for (const role of roles) {
    for (const chunks of cuts(decodeHex(closeFrame(role, "03e9627965")))) {
      const protocol = createProtocol(role);
      assertEquals(feed(protocol, chunks), ["close"]);
      assertEquals([protocol.state, protocol.closeTimerDue], ["discarding", true]);
      assertEquals(takeFrames(protocol), ["88 03e9"]);
      const info = protocol.end(undefined);
      assertEquals(summary(info), "1001:bye clean remote sent 1001 received 1001:bye");
    }
  }
});

test("7.1.1 the server ends TCP first; a client waits for it, unless it failed the connection", () => {
  for (const role of roles) {
    const answered = createProtocol(role);
    feed(answered, [decodeHex(closeFrame(role, "03e8"))]);
    assertEquals(answered.endDue, role === "server");
    const started = createProtocol(role);
    started.close(1000, "");
    feed(started, [decodeHex(closeFrame(role, "03e8"))]);
    assertEquals(started.endDue, role === "server");
    const failed = createProtocol(role);
    feed(failed, [decodeHex("ffff"), decodeHex("ff".repeat(12))]);
    assertEquals([failed.state, failed.endDue, failed.closeTimerDue], ["discarding", true, true]);
  }
});

test("7.1.5 a Close frame without a body is 1005, and is answered by one without a body", () => {
  for (const role of roles) {
    const protocol = createProtocol(role);
    assertEquals(feed(protocol, [decodeHex(closeFrame(role, ""))]), ["close"]);
    assertEquals(takeFrames(protocol), ["88 "]);
    assertEquals(summary(protocol.end(undefined)), "1005 clean remote sent 1005 received 1005");
  }
});

test("7.1.5 close without a code sends a Close frame without a body", () => {
  for (const role of roles) {
    const protocol = createProtocol(role);
    protocol.close(undefined, "");
    assertEquals(takeFrames(protocol), ["88 "]);
    feed(protocol, [decodeHex(closeFrame(role, ""))]);
    assertEquals(summary(protocol.end(undefined)), "1005 clean local sent 1005 received 1005");
  }
});

test("7.1.2 simultaneous close is clean at both ends, and each started it", () => {
  const client = createProtocol("client");
  const server = createProtocol("server");
  client.close(1000, "c");
  server.close(1001, "s");
  const fromClient = takeAll(client.output);
  const fromServer = takeAll(server.output);
  assertEquals([feed(server, [fromClient]), feed(client, [fromServer])], [["close"], ["close"]]);
  assertEquals([client.output.byteLength, server.output.byteLength], [0, 0]);
  assertEquals([client.endDue, server.endDue], [false, true]);
  assertEquals(summary(client.end(undefined)), "1001:s clean local sent 1000:c received 1001:s");
  assertEquals(summary(server.end(undefined)), "1000:c clean local sent 1001:s received 1000:c");
});

test("7.1.2 closing discards messages, answers Pings, and takes the peer's Close frame", () => {
  // A text, a Ping, a fragmented message with bytes that are no UTF-8, its end, a binary, a Close frame.
  const stream = "810161" + "890101" + "0102c3c3" + "8a0102" + "8001c0" + "82020102" + "880203e8";
  for (const chunks of cuts(decodeHex(stream))) {
    const protocol = createProtocol("client");
    protocol.close(1000, "");
    takeAll(protocol.output);
    assertEquals(feed(protocol, chunks), ["ping 01", "pong 02", "close"]);
    // 5.5.2: a Ping is answered until the peer's Close frame has come.
    assertEquals([protocol.state, takeFrames(protocol)], ["discarding", ["8a 01"]]);
    assertEquals(summary(protocol.end(undefined)), "1000 clean local sent 1000 received 1000");
  }
});

test("7.1.2 closing in the middle of a message discards its rest", () => {
  const stream = decodeHex("01056162636465" + "80026667" + "880203e8");
  for (let at = 0; at <= 11; at++) {
    const protocol = createProtocol("client");
    assertEquals(feed(protocol, [stream.slice(0, at)]), at >= 11 ? ["text abcdefg"] : []);
    protocol.close(1000, "");
    assertEquals(feed(protocol, [stream.slice(at)]), ["close"]);
    assert(protocol.end(undefined).wasClean);
  }
});

test("7.1.2 what follows a Close frame is ignored", () => {
  const trailing = "81016183ffffffff880203e9";
  for (const chunks of cuts(decodeHex("880203e8" + trailing))) {
    const protocol = createProtocol("client");
    assertEquals(feed(protocol, chunks), ["close"]);
    assertEquals(feed(protocol, [decodeHex("810161"), decodeHex("ff")]), []);
    assertEquals(takeFrames(protocol), ["88 03e8"]);
    assertEquals(protocol.end(undefined).code, 1000);
  }
});

test("7.1.2 close does nothing when closing has begun, but judges its arguments", () => {
  const closing = createProtocol("server");
  closing.close(1000, "first");
  const answered = createProtocol("server");
  feed(answered, [decodeHex(closeFrame("server", "03e8"))]);
  const closed = createProtocol("server");
  closed.end(undefined);
  for (const protocol of [closing, answered, closed]) {
    const { state } = protocol;
    takeAll(protocol.output);
    protocol.close(1001, "second");
    assertEquals([protocol.state, protocol.output.byteLength], [state, 0]);
    assertThrows(() => protocol.close(1006, ""), RangeError, "got 1006");
    assertThrows(() => protocol.close(1000, "x".repeat(124)), RangeError, "got 124");
  }
  assertThrows(() => createProtocol("client").close(undefined, "why"), TypeError);
});

test("7.1.2 close with arguments that are wrong leaves the connection open", () => {
  const protocol = createProtocol("server");
  assertThrows(() => protocol.close(999, ""), RangeError);
  assertEquals([protocol.state, protocol.output.byteLength], ["open", 0]);
});

test("7.1.5 no Close frame at all is 1006", () => {
  const lost = "1006 unclean remote sent - received - (Error: The connection was lost)";
  assertEquals(summary(createProtocol("server").end(undefined)), lost);

  const reset = createProtocol("client");
  const error = new Error("ECONNRESET");
  const info = reset.end(error);
  assertStrictEquals(info.cause, error);
  assertEquals(summary(info), "1006 unclean remote sent - received - (Error: ECONNRESET)");

  const ended = createProtocol("server");
  ended.receiveEnd();
  assertEquals([ended.state, ended.endDue], ["discarding", true]);
  const dropped = "(Error: The peer ended the connection without a Close frame)";
  assertEquals(summary(ended.end(undefined)), `1006 unclean remote sent - received - ${dropped}`);
});

test("7.1.5 a peer that ends the byte stream instead of answering the Close frame is 1006", () => {
  for (const role of roles) {
    const protocol = createProtocol(role);
    protocol.close(4000, "bye");
    protocol.receiveEnd();
    assertEquals([protocol.state, protocol.endDue], ["discarding", true]);
    const dropped = "(Error: The peer ended the connection without a Close frame)";
    const expected = `1006 unclean local sent 4000:bye received - ${dropped}`;
    assertEquals(summary(protocol.end(undefined)), expected);
  }
});

test("7.1.4 an end behind the closing handshake is clean if it came in order, and all had left", () => {
  for (
    const [error, unsent, expected] of [
      [undefined, 0, "clean remote sent 1000 received 1000"],
      [undefined, 4, "unclean remote sent 1000 received 1000 (Error: late)"],
      [new Error("ECONNRESET"), 0, "unclean remote sent 1000 received 1000 (Error: late)"],
    ] as const
  ) {
    const protocol = createProtocol("client");
    feed(protocol, [decodeHex(closeFrame("client", "03e8"))]);
    protocol.receiveEnd();
    protocol.abort(new Error("late"), "local");
    assertEquals(summary(protocol.end(error, unsent)), `1000 ${expected}`);
  }
});

test("7.1.7 abort is told with its cause and who did it", () => {
  for (
    const [endedBy, initiator] of [
      ["local", "local"],
      ["timeout", "local"],
      ["transport", "remote"],
    ] as const
  ) {
    const protocol = createProtocol("client");
    feed(protocol, [decodeHex("0101")]);
    protocol.abort(new Error("terminated"), endedBy);
    protocol.abort(new Error("again"), "transport");
    assertEquals([protocol.state, protocol.endDue, protocol.closeTimerDue], [
      "discarding",
      true,
      true,
    ]);
    assertEquals(feed(protocol, [decodeHex("810161")]), []);
    assertEquals(protocol.output.byteLength, 0);
    const info = protocol.end(new Error("later"));
    assertEquals(summary(info), `1006 unclean ${initiator} sent - received - (Error: terminated)`);
    assertEquals(info.endedBy, endedBy);
  }
});

test("7.1.7 abort while closing keeps who started", () => {
  const protocol = createProtocol("server");
  protocol.close(1001, "");
  protocol.abort(new Error("no answer"), "transport");
  const expected = "1006 unclean local sent 1001 received - (Error: no answer)";
  assertEquals(summary(protocol.end(undefined)), expected);
});

test("7.1.7 a failed connection says why in its Close frame and in its info", () => {
  for (const role of roles) {
    const protocol = createProtocol(role);
    const hex = role === "client" ? "8300" : "838000000000";
    assertEquals(feed(protocol, [decodeHex(hex + "ff")]), ["close"]);
    assertEquals([protocol.state, protocol.endDue], ["discarding", true]);
    assertEquals(takeFrames(protocol), ["88 03ea5265736572766564206f70636f6465"]);
    const info = protocol.end(new Error("ECONNRESET"));
    assert(info.cause instanceof ProtocolError && info.cause.code === 1002);
    const status = "1002:Reserved opcode";
    const cause = "(ProtocolError: Reserved opcode (errors.md#violation-reserved-opcode))";
    assertEquals(summary(info), `${status} unclean local sent ${status} received - ${cause}`);
  }
});

test("7.1.7 a violation while closing fails the connection without a second Close frame", () => {
  for (const hex of ["8300", "880103", "880203ed", "880403e8c0af"]) {
    const protocol = createProtocol("client");
    protocol.close(1000, "");
    takeAll(protocol.output);
    assertEquals(feed(protocol, [decodeHex(hex)]), ["close"]);
    assertEquals([protocol.state, protocol.endDue, protocol.output.byteLength], [
      "discarding",
      true,
      0,
    ]);
    const info = protocol.end(undefined);
    assertEquals([info.wasClean, info.initiator, info.sent?.code], [false, "local", 1000]);
    const received = hex === "880203ed" ? { code: 1005, reason: "" } : undefined;
    assertEquals([info.received, info.cause instanceof ProtocolError], [received, true]);
    assertEquals(info.code, received?.code ?? (hex.endsWith("c0af") ? 1007 : 1002));
  }
});

test("7.1.5 end tells the same again", () => {
  const protocol = createProtocol("client");
  protocol.close(1000, "");
  feed(protocol, [decodeHex("880203e8")]);
  const first = protocol.end(undefined);
  assertEquals(protocol.end(new Error("again")), first);
  protocol.abort(new Error("again"), "transport");
  protocol.receiveEnd();
  assertEquals([protocol.state, protocol.end(undefined)], ["closed", first]);
});
