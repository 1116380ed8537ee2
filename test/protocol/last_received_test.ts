import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import {
  decodeReceived,
  forgetReceived,
  keepReceived,
  receivedFrame,
  receivedOctets,
} from "../../src/protocol/last_received.ts";
import { concat } from "../../src/util/bytes.ts";
import { lendBatches, REFERENCE_FROM } from "../../src/protocol/frame_encoder.ts";
import type { Role } from "../../src/protocol/frame_header.ts";
import type { Protocol } from "../../src/protocol/protocol.ts";
import { encodeUtf8 } from "../../src/util/utf8.ts";
import { createProtocol as createOwning, same, takeAll, takeBatches } from "../support/drive.ts";
import { decodeFrames } from "../support/frames.ts";
import { test } from "../support/test.ts";

/** A protocol on a transport that borrows. */
function createProtocol(role: Role): Protocol {
  const protocol = createOwning(role);
  lendBatches(protocol.output);
  return protocol;
}

test("receivedOctets() are those of the message at hand, until they are forgotten", () => {
  const text = "é".repeat(20);
  const bytes = Uint8Array.from([0xff, ...encodeUtf8(text), 0xff]);
  assertEquals(decodeReceived(bytes, 1, 41), text);
  assertEquals(encodeHex(receivedOctets("é".repeat(20))!), "c3a9".repeat(20));
  assertEquals([receivedOctets("é".repeat(19)), receivedOctets("e".repeat(20))], [
    undefined,
    undefined,
  ]);
  assertEquals(decodeReceived(bytes, 0, 41), undefined);
  assertEquals(receivedOctets(text), undefined, "The one at hand is no text");
  decodeReceived(bytes, 1, 41);
  forgetReceived();
  assertEquals(receivedOctets(text), undefined);
});

test("receivedFrame() is the message at hand with what lies in front of it", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const message = bytes.subarray(3, 5);
  keepReceived(message, bytes, 3, 5);
  assertEquals(encodeHex(receivedFrame(message, 2)!), "02030405");
  assert(receivedFrame(message, 2)!.buffer === bytes.buffer);
  assertEquals(receivedFrame(message, 4), undefined, "There is less in front of it");
  assertEquals(receivedFrame(bytes.subarray(3, 5), 2), undefined, "It is another view");
  forgetReceived();
  assertEquals(receivedFrame(message, 2), undefined);
});

const payload = Uint8Array.from({ length: REFERENCE_FROM }, (_, i) => i % 251);
/** A small message, a large one and a small one, masked with 00000000. */
const three = concat([
  decodeHex("8282" + "00000000" + "0102"),
  decodeHex("82ff" + "0000000000010000" + "00000000"),
  payload,
  decodeHex("8282" + "00000000" + "0304"),
]);
const LARGE_AT = 8 + 14;

function nextMessage(protocol: Protocol): Uint8Array {
  assertEquals(protocol.nextEvent(), "message");
  return protocol.data as Uint8Array;
}

test("A large message that is passed on leaves from where it lies, and nothing around it changes", () => {
  for (const lent of [false, true]) {
    const protocol = createProtocol("server");
    protocol.receive(three.slice(), lent);
    const before = nextMessage(protocol);
    const large = nextMessage(protocol);
    protocol.send(large);
    const [batch, ...more] = takeBatches(protocol.output);
    assertEquals([batch!.length, more.length], [10 + REFERENCE_FROM, 0]);
    assert(batch!.buffer === large.buffer);
    assertEquals(encodeHex(batch!.subarray(0, 10)), "827f0000000000010000");
    const after = nextMessage(protocol);
    assertEquals([encodeHex(before), encodeHex(after)], ["0102", "0304"]);
    assert(same(large, payload) && same(batch!.subarray(10), payload));
  }
});

test("A large message that is passed on more than once is whole each time, whatever the header", () => {
  const protocol = createProtocol("server");
  const other = createProtocol("server");
  protocol.receive(three.slice());
  nextMessage(protocol);
  const large = nextMessage(protocol);
  protocol.send(large);
  protocol.sendFragment(large, true, false);
  protocol.sendFragment("", false, true);
  protocol.send(large);
  other.send(large);
  const frames = decodeFrames(takeAll(protocol.output));
  assertEquals(
    frames.map(({ opcode, fin, payload }) => [opcode, fin, payload.length]),
    [[2, true, 65_536], [2, false, 65_536], [0, true, 0], [2, true, 65_536]],
  );
  frames.push(...decodeFrames(takeAll(other.output)));
  assert(frames.every((frame) => frame.payload.length === 0 || same(frame.payload, payload)));
});

test("A large message is passed on whole under every cut of its header, also behind the next message", () => {
  for (let cut = LARGE_AT - 14; cut <= LARGE_AT + 14; cut++) {
    const protocol = createProtocol("server");
    protocol.receive(three.slice(0, cut));
    nextMessage(protocol);
    assertEquals(protocol.nextEvent(), undefined);
    protocol.receive(three.slice(cut));
    const large = nextMessage(protocol);
    protocol.send(large);
    const [frame] = decodeFrames(takeAll(protocol.output));
    assert(same(frame!.payload, payload), `cut at ${cut}`);
    assertEquals(encodeHex(nextMessage(protocol)), "0304");
    protocol.send(large);
    assert(same(decodeFrames(takeAll(protocol.output))[0]!.payload, payload));
  }
});

test("A large message from a server is masked when a client passes it on, and leaves a server as it lies", () => {
  const frame = concat([decodeHex("827f" + "0000000000010000"), payload]);
  const client = createProtocol("client");
  client.receive(frame.slice());
  const large = nextMessage(client);
  client.send(large);
  const [masked] = decodeFrames(takeAll(client.output));
  assert(masked!.key !== undefined && same(masked!.payload, payload));
  const server = createProtocol("server");
  server.send(large);
  const [batch] = takeBatches(server.output);
  assert(batch!.buffer === large.buffer && same(batch!, frame));
});
