// Frames from a client carry the masking key 00000000, so that the literals can be read.
// The closing handshake has a file of its own: test/rfc/section_7_1_test.ts.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { concat } from "../../src/util/bytes.ts";
import { Protocol } from "../../src/protocol/protocol.ts";
import { createProtocol, feed, LIMITS, next, takeAll, takeFrames } from "../support/drive.ts";
import { decodeFrames } from "../support/frames.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";
import { wrongLimits } from "../support/wrong_limits.ts";

const ping = (payload: string) => `898${payload.length / 2}00000000${payload}`;
const text = (payload: string) => `818${payload.length / 2}00000000${payload}`;

test("Protocol is open to begin with, and has nothing to say", () => {
  for (const role of ["client", "server"] as const) {
    const protocol = createProtocol(role);
    assertEquals([protocol.role, protocol.state], [role, "open"]);
    assertEquals([protocol.closeTimerDue, protocol.endDue], [false, false]);
    assertEquals([protocol.holding, protocol.announcesClose], [false, false]);
    assertEquals([protocol.nextEvent(), protocol.output.take()], [undefined, undefined]);
  }
});

test("Protocol gives messages in order, under every split", () => {
  const client = "810548656c6c6f" + "8203010203" + "8100" + "8200" + "0101c3" + "0000" + "8001a9";
  const server = "818537fa213d7f9f4d5158" + "8283ffffffff" + "fefdfc" + "818000000000" +
    "8280a1b2c3d4" +
    "018100000000c3" + "008000000000" + "8081ffffffff56";
  const expected = ["text Hello", "binary 010203", "text ", "binary ", "text é"];
  for (const [role, hex] of [["client", client], ["server", server]] as const) {
    for (const chunks of cuts(decodeHex(hex))) {
      const protocol = createProtocol(role);
      assertEquals(feed(protocol, chunks), expected);
      assertEquals(protocol.output.byteLength, 0);
    }
  }
});

test("Protocol answers Pings in order with the same payload", () => {
  const protocol = createProtocol("server");
  const stream = ping("") + text("61") + ping("0102") + "018100000000" + "62" + ping("03") +
    "808100000000" + "63";
  for (const chunks of cuts(decodeHex(stream))) {
    const events = feed(protocol, chunks);
    assertEquals(events, ["ping ", "text a", "ping 0102", "ping 03", "text bc"]);
    assertEquals(takeFrames(protocol), ["8a ", "8a 0102", "8a 03"]);
  }
});

test("Protocol answers a Ping of 125 octets", () => {
  const payload = "ab".repeat(125);
  for (const chunks of cuts(decodeHex("89fd00000000" + payload))) {
    const protocol = createProtocol("server");
    assertEquals(feed(protocol, chunks), [`ping ${payload}`]);
    assertEquals(takeFrames(protocol), [`8a ${payload}`]);
  }
});

test("Protocol keeps only the newest Ping while congested", () => {
  const protocol = createProtocol("server");
  protocol.congested = true;
  assertEquals(feed(protocol, [decodeHex(ping("01") + ping("02") + ping("03"))]).length, 3);
  assertEquals(protocol.output.byteLength, 0);
  protocol.congested = false;
  protocol.flushPong();
  assertEquals(takeFrames(protocol), ["8a 03"]);
  protocol.flushPong();
  assertEquals(takeFrames(protocol), []);
  assertEquals(feed(protocol, [decodeHex(ping("04") + ping("05"))]).length, 2);
  assertEquals(takeFrames(protocol), ["8a 04", "8a 05"]);
});

test("Protocol sends a Pong that waits before its Close frame", () => {
  const answered = createProtocol("server");
  answered.congested = true;
  feed(answered, [decodeHex(ping("01") + "888200000000" + "03e8")]);
  assertEquals(takeFrames(answered), ["8a 01", "88 03e8"]);

  const closed = createProtocol("server");
  closed.congested = true;
  feed(closed, [decodeHex(ping("01"))]);
  closed.close(1001, "");
  closed.flushPong();
  assertEquals(takeFrames(closed), ["8a 01", "88 03e9"]);
});

test("Protocol drops a Pong that waits when the connection is given up", () => {
  const protocol = createProtocol("server");
  protocol.congested = true;
  feed(protocol, [decodeHex(ping("01"))]);
  protocol.abort(new Error("terminated"), "local");
  protocol.flushPong();
  assertEquals(protocol.output.byteLength, 0);
});

test("Protocol tells Pongs, asked for or not", () => {
  const protocol = createProtocol("client");
  assertEquals(feed(protocol, [decodeHex("8a00" + "8a020102")]), ["pong ", "pong 0102"]);
  assertEquals([protocol.state, protocol.output.byteLength], ["open", 0]);
});

test("Protocol parses no further than the event it gives", () => {
  const protocol = createProtocol("server");
  protocol.receive(decodeHex(text("61") + ping("01") + ping("02") + "ff"));
  assertEquals([next(protocol), takeFrames(protocol)], ["text a", []]);
  assertEquals([next(protocol), takeFrames(protocol)], ["ping 01", ["8a 01"]]);
  assertEquals([next(protocol), takeFrames(protocol)], ["ping 02", ["8a 02"]]);
  assertEquals([next(protocol), protocol.state], [undefined, "open"]);
});

test("Protocol keeps the data of an event when the next one comes", () => {
  const protocol = createProtocol("server");
  const seen: Uint8Array[] = [];
  const stream = "828200000000" + "0102" + ping("0304") + "828200000000" + "0506" + ping("0708");
  for (const chunk of [decodeHex(stream), decodeHex(stream)]) {
    protocol.receive(chunk);
    while (protocol.nextEvent()) seen.push(protocol.data as Uint8Array);
  }
  const expected = ["0102", "0304", "0506", "0708"];
  assertEquals(seen.map((data) => encodeHex(data.slice())), [...expected, ...expected]);
});

test("Protocol.nextMessage() takes whole messages and leaves the rest to nextOther()", () => {
  const protocol = createProtocol("server");
  protocol.receive(decodeHex(text("61") + ping("01") + text("62") + "018100000000" + "63"));
  assertEquals([protocol.nextMessage(), protocol.nextMessage()], ["a", undefined]);
  assertEquals([protocol.nextOther(), protocol.nextMessage()], ["ping", "b"]);
  assertEquals([protocol.nextMessage(), protocol.nextOther()], [undefined, undefined]);
  protocol.receive(decodeHex("808100000000" + "64" + text("65")));
  assertEquals([protocol.nextMessage(), protocol.nextOther()], [undefined, "message"]);
  assertEquals(protocol.data, "cd");
  protocol.holding = true;
  assertEquals(protocol.nextMessage(), undefined);
  protocol.holding = false;
  assertEquals([protocol.nextMessage(), protocol.state], ["e", "open"]);
  protocol.receive(decodeHex(text("ff")));
  // What is wrong waits for nextOther(), which fails the connection for it.
  for (let i = 0; i < 2; i++) {
    assertEquals([protocol.nextMessage(), protocol.state], [undefined, "open"]);
  }
  assertEquals([protocol.nextOther(), protocol.state], ["close", "discarding"]);
  assertEquals([protocol.nextMessage(), protocol.nextOther()], [undefined, undefined]);
  assertEquals(takeFrames(protocol).map((frame) => frame.slice(0, 7)), ["8a 01", "88 03ef"]);
});

test("Protocol.nextEvent() asks nextMessage() once, nextOther() never", () => {
  for (const way of ["nextEvent", "nextOther"] as const) {
    const protocol = createProtocol("server");
    const { nextMessage } = protocol;
    let asked = 0;
    protocol.nextMessage = () => {
      asked++;
      return nextMessage.call(protocol);
    };
    protocol.receive(decodeHex(text("61") + ping("01") + text("62")));
    const events = [protocol[way](), protocol[way](), protocol[way](), protocol[way]()];
    assertEquals(events, ["message", "ping", "message", undefined]);
    assertEquals(asked, way === "nextEvent" ? 4 : 0);
  }
});

test("Protocol refuses a chunk before the last one was parsed", () => {
  const protocol = createProtocol("server");
  protocol.receive(decodeHex(ping("") + ping("")));
  protocol.nextEvent();
  assertThrows(() => protocol.receive(decodeHex(ping(""))), Error, "before the last one was read");
});

test("Protocol.holding stops at the next data frame, and answers control frames before it", () => {
  const protocol = new Protocol("server", LIMITS);
  protocol.holding = true;
  const events = feed(protocol, [
    decodeHex(ping("01")),
    decodeHex(ping("02") + text("61") + ping("03")),
  ]);
  assertEquals(events, ["ping 01", "ping 02"]);
  assertEquals([protocol.blocked, protocol.state], [true, "open"]);
  assertEquals(takeFrames(protocol), ["8a 01", "8a 02"]);
  assertEquals(next(protocol), undefined);
  protocol.holding = false;
  assertEquals(protocol.blocked, false);
  assertEquals(next(protocol), "text a");
  // Between two frames nothing is held yet, so reading may go on.
  protocol.holding = true;
  assertEquals(protocol.blocked, false);
  assertEquals([next(protocol), next(protocol), protocol.blocked], ["ping 03", undefined, false]);
});

test("Protocol.holding stops inside a frame and a fragmented message, and goes on there", () => {
  // The header of an empty message at the end of a chunk; half a frame; a fragment and the next one's header.
  for (
    const [before, behind, expected] of [
      ["818000000000", "", "text "],
      ["818300000000" + "61", "6263", "text abc"],
      ["018100000000" + "61" + "808200000000", "6263", "text abc"],
    ] as const
  ) {
    const protocol = createProtocol("server");
    const bytes = decodeHex(before);
    // Two octets into the stream the consumer falls behind.
    assertEquals(feed(protocol, [bytes.slice(0, 2)]), []);
    protocol.holding = true;
    protocol.receive(bytes.slice(2));
    assertEquals([next(protocol), protocol.blocked], [undefined, true]);
    protocol.holding = false;
    const events = [next(protocol), ...feed(protocol, [decodeHex(behind)])];
    assertEquals(events.filter((event) => event !== undefined), [expected]);
  }
});

test("Protocol.holding does not keep violations and Close frames back", () => {
  for (const hex of ["888200000000" + "03e8", "f18000000000", "81ff7fffffffffff000000000000"]) {
    const protocol = new Protocol("server", LIMITS);
    protocol.holding = true;
    assertEquals(feed(protocol, [decodeHex(hex)]), ["close"]);
    assertEquals([protocol.state, protocol.blocked], ["discarding", false]);
  }
});

test("Protocol.holding ends with the closing handshake, which discards what is held", () => {
  const protocol = new Protocol("server", LIMITS);
  protocol.holding = true;
  assertEquals(feed(protocol, [decodeHex(text("61") + text("62") + "888200000000" + "03e8")]), []);
  assert(protocol.blocked);
  protocol.close(1000, "");
  assertEquals(protocol.blocked, false);
  assertEquals([next(protocol), protocol.state], ["close", "discarding"]);
});

test("Protocol.send, ping and close mask at a client and only there", () => {
  for (const role of ["client", "server"] as const) {
    const protocol = createProtocol(role);
    protocol.send("Hello");
    protocol.send(decodeHex("0102"));
    protocol.ping(decodeHex("03"));
    protocol.close(1000, "bye");
    const frames = decodeFrames(takeAll(protocol.output));
    assertEquals(frames.map(({ key }) => key !== undefined), Array(4).fill(role === "client"));
    assertEquals(
      frames.map(({ opcode, fin, payload }) => `${opcode} ${fin} ${encodeHex(payload)}`),
      ["1 true 48656c6c6f", "2 true 0102", "9 true 03", "8 true 03e8627965"],
    );
  }
});

test("Protocol.ping takes 125 octets and refuses 126", () => {
  const protocol = createProtocol("server");
  protocol.ping(new Uint8Array(125));
  assertThrows(() => protocol.ping(new Uint8Array(126)), RangeError, "got 126");
  assertEquals(takeFrames(protocol), [`89 ${"00".repeat(125)}`]);
});

test("Protocol.send and ping throw unless open", () => {
  const closing = createProtocol("server");
  closing.close(1000, "");
  const discarding = createProtocol("server");
  feed(discarding, [decodeHex("888000000000")]);
  const closed = createProtocol("server");
  closed.end(undefined);
  for (const protocol of [closing, discarding, closed]) {
    takeAll(protocol.output);
    assertThrows(() => protocol.send("a"), Error, `Sent in state ${protocol.state}`);
    assertThrows(() => protocol.send(decodeHex("01")), Error, `Sent in state ${protocol.state}`);
    assertThrows(() => protocol.ping(decodeHex("")), Error, `Sent in state ${protocol.state}`);
    assertEquals(protocol.output.byteLength, 0);
  }
});

test("Protocol carries no state from one message to the next", () => {
  const protocol = createProtocol("server");
  // Text cut inside a character by fragments, binary that is no UTF-8, text again.
  const stream = "018100000000" + "c3" + "808100000000" + "a9" + "028100000000" + "c3" +
    "808000000000" +
    text("61") + "828100000000" + "ff" + text("62");
  for (const chunks of cuts(decodeHex(stream))) {
    const expected = ["text é", "binary c3", "text a", "binary ff", "text b"];
    assertEquals(feed(protocol, chunks), expected);
  }
});

test("Protocol streams messages from streamFrom on, counting fragments together", () => {
  const frames = "0281 00000000 01  0081 00000000 02  8081 00000000 03  8282 00000000 0405" +
    "8283 00000000 060708";
  for (
    const [streamFrom, expected] of [
      [0, ["chunk 01", "chunk 02", "last 03", "last 0405", "last 060708"]],
      [2, ["chunk 0102", "last 03", "last 0405", "last 060708"]],
      [3, ["last 010203", "binary 0405", "last 060708"]],
      [Infinity, ["binary 010203", "binary 0405", "binary 060708"]],
    ] as const
  ) {
    const protocol = createProtocol("server");
    protocol.streamFrom = streamFrom;
    protocol.receive(decodeHex(frames.replaceAll(" ", "")));
    const events: string[] = [];
    for (let line = next(protocol); line !== undefined; line = next(protocol)) {
      events.push(protocol.last ? line.replace("chunk", "last") : line);
    }
    assertEquals(events, [...expected]);
  }
});

test("Protocol streams a frame under every split, in the chunks that it came in", () => {
  for (const chunks of cuts(decodeHex("828400000000" + "01020304"))) {
    const protocol = createProtocol("server");
    protocol.streamFrom = 0;
    let payload = "";
    let ended = 0;
    for (const chunk of chunks) {
      protocol.receive(chunk);
      while (protocol.nextEvent() === "chunk") {
        payload += encodeHex(protocol.data as Uint8Array);
        if (protocol.last) ended++;
      }
    }
    assertEquals([payload, ended], ["01020304", 1]);
  }
});

test("Protocol that is held in a streamed message answers the Pings behind its frame", () => {
  const protocol = createProtocol("server");
  protocol.streamFrom = 0;
  protocol.receive(decodeHex("028100000000" + "01" + ping("02") + "808100000000" + "03"));
  assertEquals(protocol.nextEvent(), "chunk");
  protocol.holding = true;
  assertEquals([next(protocol), next(protocol), protocol.blocked], ["ping 02", undefined, true]);
  assertEquals(takeFrames(protocol), ["8a 02"]);
  protocol.holding = false;
  assertEquals([next(protocol), protocol.last, protocol.blocked], ["chunk 03", true, false]);
});

test("Protocol discards the rest of a streamed message once it is closing", () => {
  const protocol = createProtocol("server");
  protocol.streamFrom = 0;
  protocol.receive(decodeHex("028100000000" + "01"));
  assertEquals(protocol.nextEvent(), "chunk");
  protocol.close(1000, "");
  protocol.receive(decodeHex("008100000000" + "02" + "808100000000" + "03" + ping("04")));
  assertEquals([next(protocol), protocol.state], ["ping 04", "closing"]);
});

test("Protocol sendFragment() marks the first and the last fragment (RFC 6455 5.4)", () => {
  const protocol = createProtocol("server");
  protocol.sendFragment("a", true, false);
  protocol.sendFragment("b", false, false);
  protocol.ping(Uint8Array.of(1));
  protocol.sendFragment("", false, true);
  protocol.sendFragment(Uint8Array.of(2), true, false);
  protocol.sendFragment(Uint8Array.of(3), false, true);
  protocol.sendFragment("c", true, true);
  assertEquals(takeFrames(protocol), [
    "01 61",
    "00 62",
    "89 01",
    "80 ",
    "02 02",
    "80 03",
    "81 63",
  ]);
  protocol.close(1000, "");
  assertThrows(() => protocol.sendFragment("d", true, true), Error, "closing");
});

test("Protocol has room for the rest of a large message, and takes what was read into it as it lies", () => {
  const size = 100_000;
  const payload = Uint8Array.from({ length: size }, (_, i) => i % 251);
  const frame = concat([decodeHex("82ff" + "00000000000186a0" + "00000000"), payload]);
  for (const first of [20_000, 30_001, 70_000, 90_000]) {
    const protocol = createProtocol("server");
    assertEquals(protocol.room, undefined);
    protocol.receive(frame.slice(0, first), true);
    assertEquals(next(protocol), undefined);
    let at = first;
    for (let { room } = protocol; room !== undefined && at < frame.length; { room } = protocol) {
      // No more than the message, and what is read may be less.
      assert(room.length <= size + 14 - at);
      const count = Math.min(room.length, 25_000);
      room.set(frame.subarray(at, at + count));
      at += count;
      protocol.receive(room.subarray(0, count));
      if (at < frame.length) assertEquals(next(protocol), undefined);
    }
    if (first < 80_000) assert(at > first, "there was room");
    if (at < frame.length) protocol.receive(frame.slice(at), true);
    assertEquals(protocol.nextEvent(), "message");
    assert(payload.every((octet, i) => (protocol.data as Uint8Array)[i] === octet));
    assertEquals([(protocol.data as Uint8Array).length, protocol.room], [size, undefined]);
  }
});

test("Protocol refuses limits that are missing, misspelt or out of range", () => {
  for (const [limits, message] of wrongLimits) {
    assertThrows(() => new Protocol("client", limits), Error, message);
  }
});
