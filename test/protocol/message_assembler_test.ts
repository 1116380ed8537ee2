import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { allocate, allocateBy, type Bytes, EMPTY } from "../../src/util/bytes.ts";
import { MessageAssembler, type MessageLimits } from "../../src/protocol/message_assembler.ts";
import { createProtocol, feed, next, takeFrames } from "../support/drive.ts";
import { test } from "../support/test.ts";
import { wrongLimits } from "../support/wrong_limits.ts";

function createAssembler(limits: Partial<MessageLimits> = {}): MessageAssembler {
  return new MessageAssembler({ maxMessageSize: 1_048_576, maxFragments: 131_072, ...limits });
}

/** One message of whole frames; the violation's code, or undefined. */
function assemble(
  assembler: MessageAssembler,
  text: boolean,
  frames: readonly string[],
): number | undefined {
  assembler.begin(text);
  for (const [i, hex] of frames.entries()) {
    const bytes = decodeHex(hex);
    const last = i === frames.length - 1;
    const violation = assembler.frame(bytes.length) ??
      assembler.push(bytes, 0, bytes.length, last);
    if (violation !== undefined) return violation.code;
  }
  return undefined;
}

test("MessageAssembler joins fragments, empty ones included", () => {
  const assembler = createAssembler();
  for (const frames of [["48656c6c6f"], ["48", "656c6c6f"], ["", "48656c", "", "", "6c6f", ""]]) {
    assertEquals(assemble(assembler, true, frames), undefined);
    assertEquals(assembler.take(), "Hello");
    assertEquals(assemble(assembler, false, frames), undefined);
    assertEquals(encodeHex(assembler.take()), "48656c6c6f");
  }
  for (const frames of [[""], ["", ""], ["", "", ""]]) {
    assertEquals(assemble(assembler, true, frames), undefined);
    assertEquals(assembler.take(), "");
    assertEquals(assemble(assembler, false, frames), undefined);
    assertEquals((assembler.take() as Bytes).length, 0);
  }
});

test("MessageAssembler.inProgress lasts from the first frame to the end of the message", () => {
  const assembler = createAssembler();
  assert(!assembler.inProgress);
  assembler.begin(true);
  assembler.frame(0);
  assert(assembler.inProgress);
  assembler.push(EMPTY, 0, 0, false);
  assert(assembler.inProgress);
  assembler.frame(0);
  assembler.push(EMPTY, 0, 0, true);
  assert(!assembler.inProgress);
});

test("MessageAssembler views a message that lies whole in one chunk", () => {
  const chunk = decodeHex("ffff01020304ffff");
  const assembler = createAssembler();
  assembler.begin(false);
  assembler.frame(4);
  assembler.push(chunk, 2, 6, true);
  const message = assembler.take() as Bytes;
  assertStrictEquals(message.buffer, chunk.buffer);
  assertEquals(encodeHex(message.slice()), "01020304");
});

test("MessageAssembler.take() leaves nothing behind", () => {
  const assembler = createAssembler();
  assemble(assembler, false, ["0102", "0304"]);
  assertEquals(encodeHex(assembler.take()), "01020304");
  assertEquals(assembler.take(), EMPTY);
});

test("MessageAssembler gives each message memory that the next one does not touch", () => {
  const assembler = createAssembler();
  assemble(assembler, false, ["0102", "0304"]);
  const first = assembler.take() as Bytes;
  assemble(assembler, false, ["aabb", "ccdd"]);
  assertEquals(encodeHex(first.slice()), "01020304");
  assertEquals(encodeHex((assembler.take() as Bytes).slice()), "aabbccdd");
});

test("MessageAssembler.frame takes a message of maxMessageSize and refuses one octet more", () => {
  for (const frames of [[10], [4, 6], [0, 10, 0], [10, 0]]) {
    const assembler = createAssembler({ maxMessageSize: 10 });
    assembler.begin(false);
    for (const length of frames) assertEquals(assembler.frame(length), undefined);
    assertEquals(assembler.frame(1)?.code, 1009);
  }
  const assembler = createAssembler({ maxMessageSize: 10 });
  assembler.begin(true);
  const reason = "Message of at least 11 octets, the limit is 10";
  assertEquals(assembler.frame(11), { code: 1009, kind: "message-too-big", reason });
});

test("MessageAssembler.frame refuses more than maxFragments, empty ones included", () => {
  const assembler = createAssembler({ maxFragments: 3 });
  // Twice, to see that the count starts anew.
  for (let message = 0; message < 2; message++) {
    assembler.begin(false);
    for (let i = 0; i < 3; i++) assertEquals(assembler.frame(0), undefined);
  }
  const reason = "Message of more than 3 fragments";
  assertEquals(assembler.frame(0), { code: 1009, kind: "too-many-fragments", reason });
});

test("MessageAssembler limits hold at header time, before any payload", () => {
  for (
    const [hex, declared] of [
      ["82ff000000000010000100000000", "1,048,577 octets in one frame"],
      ["0281000000006180ff000000000010000000000000", "1 + 1,048,576 octets"],
      ["81ff001fffffffffffff00000000", "2^53-1 octets"],
    ] as const
  ) {
    const protocol = createProtocol("server");
    assertEquals(feed(protocol, [decodeHex(hex)]), ["close"], declared);
    assertEquals(takeFrames(protocol)[0]?.slice(0, 7), "88 03f1", declared);
  }
});

test("MessageAssembler limits count empty fragments through the protocol", () => {
  const protocol = createProtocol("server", { maxFragments: 4 });
  const continuation = "008000000000";
  assertEquals(feed(protocol, [decodeHex("018000000000" + continuation.repeat(3))]), []);
  assertEquals(feed(protocol, [decodeHex(continuation)]), ["close"]);
  assertEquals(takeFrames(protocol)[0]?.slice(0, 7), "88 03f1");
});

test("MessageAssembler refuses invalid text in every position, text alone", () => {
  for (
    const frames of [
      ["80"],
      ["61", "80"],
      ["80", "61"],
      ["c3", "61"],
      ["c3", "", "61"],
      ["61c3", ""],
      ["c3"],
      ["", "c3"],
      ["", "80", ""],
      ["edb0", "80"],
    ]
  ) {
    assertEquals(assemble(createAssembler(), true, frames), 1007, frames.join());
    assertEquals(assemble(createAssembler(), false, frames), undefined, frames.join());
  }
});

test("MessageAssembler takes a character that fragments cut anywhere", () => {
  for (const frames of [["f0", "9f", "98", "80"], ["61f09f", "9880"], ["f09f98", "", "80"]]) {
    const assembler = createAssembler();
    assertEquals(assemble(assembler, true, frames), undefined);
    assertEquals((assembler.take() as string).slice(-2), "\u{1f600}");
  }
});

test("MessageAssembler fails an unfinished message at its invalid octet", () => {
  const assembler = createAssembler();
  assembler.begin(true);
  assembler.frame(100);
  assertEquals(assembler.push(decodeHex("6162"), 0, 2, false), undefined);
  assertEquals(assembler.push(decodeHex("6162c0"), 0, 2, false), undefined);
  const violation = assembler.push(decodeHex("6162c0"), 2, 3, false);
  assertEquals(violation, { code: 1007, kind: "invalid-utf8", reason: "Text is not valid UTF-8" });
});

test("MessageAssembler forgets a text that was reset inside a character", () => {
  const assembler = createAssembler();
  assembler.begin(true);
  assembler.frame(4);
  assembler.push(decodeHex("61f09f"), 0, 3, false);
  assembler.reset();
  assert(!assembler.inProgress);
  assertEquals(assemble(assembler, true, ["62", "63"]), undefined);
  assertEquals(assembler.take(), "bc");
});

test("MessageAssembler allocates by what arrives, not by what is declared", () => {
  for (const declared of [2 ** 40, Number.MAX_SAFE_INTEGER]) {
    const assembler = createAssembler({ maxMessageSize: Number.MAX_SAFE_INTEGER });
    assembler.begin(false);
    assertEquals(assembler.frame(declared), undefined);
    assertEquals(assembler.push(new Uint8Array(10), 0, 10, false), undefined);
    assert(assembler.inProgress);
  }
  const protocol = createProtocol("server", { maxMessageSize: Number.MAX_SAFE_INTEGER });
  protocol.receive(decodeHex("82ff000001000000000000000000" + "00".repeat(10)));
  assertEquals(next(protocol), undefined);
  assertEquals([protocol.state, protocol.blocked], ["open", false]);
});

test("MessageAssembler keeps a buffer of at most twice the message", () => {
  for (const [pieces, size] of [[65_536, 64], [1000, 1], [3, 1000], [17, 65_535]] as const) {
    const assembler = createAssembler({ maxMessageSize: 1 << 24 });
    const piece = Uint8Array.from({ length: size }, (_, i) => i);
    assembler.begin(false);
    for (let i = 1; i <= pieces; i++) {
      piece[0] = i;
      assertEquals(assembler.frame(size), undefined);
      assertEquals(assembler.push(piece, 0, size, i === pieces), undefined);
    }
    const message = assembler.take() as Bytes;
    assertEquals(message.length, pieces * size);
    assertLessOrEqual(message.buffer.byteLength, 2 * message.length);
    let wrong = 0;
    for (let i = 0; i < message.length; i++) {
      const at = i % size;
      if (message[i] !== (at === 0 ? (i / size + 1) & 255 : at & 255)) wrong++;
    }
    assertEquals(wrong, 0);
  }
});

test("MessageAssembler has room to spare for small fragments, so that each copies only itself", () => {
  const assembler = createAssembler({ maxMessageSize: 1 << 24 });
  const pieces = 40_000;
  assembler.begin(false);
  for (let i = 1; i <= pieces; i++) {
    assembler.frame(64);
    assembler.push(new Uint8Array(64), 0, 64, i === pieces);
  }
  const message = assembler.take() as Bytes;
  assertEquals(message.length, pieces * 64);
  // Exact room would mean that every fragment moved all that went before.
  assertEquals(message.buffer.byteLength, 65_536 * 64);
});

test("MessageAssembler completes 65,536 fragments of 64 octets that come in one chunk", () => {
  const protocol = createProtocol("server", { maxMessageSize: 1 << 22 });
  const frame = decodeHex("00c000000000" + "61".repeat(64));
  const stream = new Uint8Array(frame.length * 65_536);
  for (let i = 0; i < 65_536; i++) stream.set(frame, i * frame.length);
  stream[0] = 0x01;
  stream[65_535 * frame.length] = 0x80;
  protocol.receive(stream);
  assertEquals(protocol.nextEvent(), "message");
  assert(protocol.data === "a".repeat(1 << 22));
});

test("MessageAssembler of one frame in many chunks never exceeds what was declared", () => {
  const assembler = createAssembler();
  const size = 100_000;
  assembler.begin(false);
  assembler.frame(size);
  for (let at = 0; at < size; at += 1000) {
    assembler.push(new Uint8Array(1000).fill(at / 1000), 0, 1000, at + 1000 === size);
  }
  const message = assembler.take() as Bytes;
  assertEquals(message.length, size);
  assertLessOrEqual(message.buffer.byteLength, 2 * size);
  assert(message.every((octet, i) => octet === Math.floor(i / 1000)));
});

test("MessageAssembler allocates 16 times what has come, and no more than was declared", () => {
  for (const [declared, expected] of [[1 << 20, 1 << 20], [1 << 22, 1 << 20]] as const) {
    const assembler = createAssembler({ maxMessageSize: 1 << 24 });
    assembler.begin(false);
    assembler.frame(declared);
    assembler.push(new Uint8Array(1 << 16), 0, 1 << 16, false);
    assertEquals(assembler.room(Infinity)?.length, expected - (1 << 16));
  }
});

test("MessageAssembler never shows what was in its memory before", () => {
  const before = allocate;
  allocateBy((size) => new Uint8Array(size).fill(0xee));
  try {
    const assembler = createAssembler();
    // Whole, in one frame or several, and streamed from its second piece on.
    for (
      const [frames, streamed] of [[[60], false], [[60, 40], false], [[60], true]] as const
    ) {
      assembler.begin(false);
      for (const length of frames) {
        assembler.frame(length);
        for (let at = 0; at < length; at += 20) {
          const last = at + 20 === length && length === frames.at(-1);
          const add = streamed && at > 0 ? assembler.stream : assembler.push;
          add.call(assembler, new Uint8Array(20), 0, 20, last);
          const taken = new Uint8Array((assembler.take() as Bytes).buffer);
          assertEquals(taken.includes(0xee), false, `${frames} ${streamed} ${at}`);
        }
      }
    }
  } finally {
    allocateBy(before);
  }
});

/** Streams pieces of one message, each in a frame of its own; what came out, or the violation's code. */
function stream(assembler: MessageAssembler, text: boolean, pieces: readonly string[]): unknown[] {
  assembler.begin(text);
  return pieces.map((hex, i) => {
    const bytes = decodeHex(hex);
    const violation = assembler.frame(bytes.length) ??
      assembler.stream(bytes, 0, bytes.length, i === pieces.length - 1);
    if (violation !== undefined) return violation.code;
    const piece = assembler.take();
    return typeof piece === "string" ? piece : encodeHex(piece);
  });
}

test("MessageAssembler.stream() hands each piece on, without a copy", () => {
  const assembler = createAssembler();
  assertEquals(stream(assembler, false, ["01", "", "0203"]), ["01", "", "0203"]);
  assert(!assembler.inProgress);
  const chunk = decodeHex("ff0102ff");
  assembler.begin(false);
  assembler.frame(2);
  assembler.stream(chunk, 1, 3, true);
  assertStrictEquals((assembler.take() as Bytes).buffer, chunk.buffer);
});

test("MessageAssembler.stream() gives text as far as it has whole characters", () => {
  const assembler = createAssembler();
  // é, ☎ and 𝄞, one octet at a time.
  const octets = "c3a9e2988ef09d849e".match(/../g)!;
  assertEquals(stream(assembler, true, octets), ["", "é", "", "", "☎", "", "", "", "𝄞"]);
  assertEquals(stream(assembler, true, ["efbbbf", "61"]), ["\ufeff", "a"]);
  assertEquals(stream(assembler, true, ["61", ""]), ["a", ""]);
});

test("MessageAssembler.stream() finds an invalid octet in the piece that has it", () => {
  for (
    const [pieces, expected] of [
      [["61", "ff", "61"], ["a", 1007]],
      [["61", "c3", "28"], ["a", "", 1007]],
      [["61", "c3"], ["a", 1007]],
      [["eda0", "80"], [1007]],
    ] as const
  ) {
    const got = stream(createAssembler(), true, pieces);
    assertEquals(got.slice(0, expected.length), [...expected]);
  }
});

test("MessageAssembler.stream() begins with what was collected before", () => {
  for (const [text, expected] of [[true, "aéb"], [false, "61c3a962"]] as const) {
    const assembler = createAssembler();
    assembler.begin(text);
    for (const hex of ["61", "c3"]) {
      const bytes = decodeHex(hex);
      assertEquals(assembler.frame(1) ?? assembler.push(bytes, 0, 1, false), undefined);
    }
    const bytes = decodeHex("a962");
    assertEquals(assembler.frame(2) ?? assembler.stream(bytes, 0, 2, true), undefined);
    const message = assembler.take();
    assertEquals(typeof message === "string" ? message : encodeHex(message), expected);
    // Nothing is left of it in the next.
    assertEquals(stream(assembler, text, ["61"]), [text ? "a" : "61"]);
  }
});

test("MessageAssembler.stream() that is given up leaves nothing to the next message", () => {
  const assembler = createAssembler();
  assembler.begin(true);
  assembler.frame(1);
  assembler.stream(decodeHex("c3"), 0, 1, false);
  assembler.reset();
  assertEquals(stream(assembler, true, ["61"]), ["a"]);
});

test("MessageAssembler.declared and compressed are those of the message in progress", () => {
  const assembler = createAssembler();
  assembler.begin(false, true);
  assembler.frame(3);
  assembler.frame(4);
  assertEquals([assembler.declared, assembler.compressed], [7, true]);
  assembler.begin(false);
  assertEquals([assembler.declared, assembler.compressed], [0, false]);
});

test("MessageAssembler refuses limits that are missing, misspelt or out of range", () => {
  for (const [limits, message] of wrongLimits) {
    assertThrows(() => new MessageAssembler(limits), Error, message);
  }
});
