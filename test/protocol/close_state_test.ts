import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { decodeHex } from "@std/encoding";
import { CloseState } from "../../src/protocol/close_state.ts";
import { type EndedBy, ProtocolError } from "../../src/protocol/errors.ts";
import { closeInfo } from "../support/close_info.ts";
import { withoutRow } from "../support/error_rows.ts";
import { test } from "../support/test.ts";

const ours = { code: 1000, reason: "ours" };
const theirs = { code: 4000, reason: "theirs" };
const lost = new Error("lost");

test("CloseState of which nothing is known was the peer's, with 1006", () => {
  assertEquals(new CloseState().toInfo(), closeInfo({ code: 1006, wasClean: false }));
});

test("CloseState is clean once both Close frames were exchanged, and tells the peer's", () => {
  const ending = new CloseState();
  ending.initiator = "local";
  ending.sent = ours;
  assertEquals([ending.toInfo().wasClean, ending.toInfo().code], [false, 1006]);
  ending.received = theirs;
  const { code, reason, wasClean, initiator } = ending.toInfo();
  assertEquals({ code, reason, wasClean, initiator }, {
    ...theirs,
    wasClean: true,
    initiator: "local",
  });
});

test("CloseState drop() behind the closing handshake is no harm", () => {
  const ending = new CloseState();
  ending.sent = ours;
  ending.received = theirs;
  ending.drop(lost, "transport");
  assertEquals([ending.toInfo().wasClean, ending.toInfo().cause], [true, undefined]);
});

test("CloseState drop() before the closing handshake is a cause, and the first one counts", () => {
  const ending = new CloseState();
  ending.sent = ours;
  ending.drop(lost, "local");
  ending.drop(new Error("later"), "transport");
  const info = ending.toInfo();
  assertStrictEquals(info.cause, lost);
  assertEquals([info.code, info.initiator, info.wasClean], [1006, "local", false]);
});

/** An end after both Close frames. */
function agreed(): CloseState {
  const ending = new CloseState();
  ending.initiator = "remote";
  ending.sent = ours;
  ending.received = theirs;
  return ending;
}

test("CloseState end() is clean when both Close frames were exchanged and the stream ended in order (RFC 6455 7.1.4)", () => {
  for (const given of [false, true]) {
    const ending = agreed();
    if (given) ending.drop(lost, "local");
    ending.end(undefined, 0, true);
    assertEquals([ending.toInfo().wasClean, ending.toInfo().cause], [true, undefined]);
  }
});

test("CloseState end() is not clean when the stream ended with an error, and tells it", () => {
  const ending = agreed();
  ending.end(lost, 0, true);
  const { wasClean, cause, code } = ending.toInfo();
  assertStrictEquals(cause, lost);
  assertEquals([wasClean, code], [false, 4000]);
});

test("CloseState end() is not clean when our Close frame had not left, and tells why", () => {
  const late = agreed();
  late.drop(lost, "local");
  late.end(undefined, 4, false);
  assertStrictEquals(late.toInfo().cause, lost);
  const ending = agreed();
  ending.end(undefined, 4, false);
  const { wasClean, cause, unsent } = ending.toInfo();
  assertEquals([wasClean, unsent, cause?.message], [
    false,
    4,
    "The connection was lost before its Close frame had left",
  ]);
});

test("CloseState by a violation has its code, unless the peer gave one", () => {
  const ending = new CloseState();
  const violation = { code: 1002, reason: "Reserved opcode", kind: "reserved-opcode" } as const;
  assertEquals(ending.fail(violation), { code: 1002, reason: "Reserved opcode" });
  const { cause } = ending.toInfo();
  assertInstanceOf(cause, ProtocolError);
  assertEquals([cause.code, withoutRow(cause.message), cause.violation], [
    1002,
    "Reserved opcode",
    "reserved-opcode",
  ]);
  assertEquals([ending.toInfo().code, ending.toInfo().reason], [1002, "Reserved opcode"]);
  ending.sent = ours;
  ending.received = theirs;
  assertEquals([ending.toInfo().code, ending.toInfo().wasClean], [4000, false]);
});

test("CloseState by an error of this end tells the peer 1011, and nothing of the error", () => {
  const ending = new CloseState();
  assertEquals(ending.fail(lost), { code: 1011, reason: "" });
  assertStrictEquals(ending.toInfo().cause, lost);
  assertEquals([ending.toInfo().code, ending.toInfo().initiator], [1011, "local"]);
});

test("CloseState receive() takes what a Close frame says, or tells what is wrong with it", () => {
  const cases: readonly (readonly [body: string, received: unknown, kind: string | undefined])[] = [
    ["", { code: 1005, reason: "" }, undefined],
    ["03e8" + "6f6b", { code: 1000, reason: "ok" }, undefined],
    ["03", undefined, "invalid-close-frame"],
    // A code that may not stand there is told all the same; a reason that is no text is not.
    ["03ed", { code: 1005, reason: "" }, "invalid-close-frame"],
    ["03e8" + "ff", undefined, "invalid-close-reason"],
  ];
  for (const [body, received, kind] of cases) {
    const ending = new CloseState();
    const result = ending.receive(decodeHex(body));
    assertEquals("kind" in result ? result.kind : undefined, kind, body);
    assertEquals(ending.received, received, body);
    assertEquals(ending.initiator, kind === undefined ? "remote" : undefined, body);
  }
});

test("CloseState is orderly when it is clean, and by this end or with 1000, 1001 or no code", () => {
  for (const code of [1000, 1001, 1005, 1011, 4000]) {
    for (const initiator of ["local", "remote"] as const) {
      const ending = new CloseState();
      ending.initiator = initiator;
      ending.sent = ours;
      assertEquals(ending.toInfo().orderly, false);
      ending.received = { code, reason: "" };
      assertEquals(ending.toInfo().orderly, initiator === "local" || code < 1011);
      ending.end(lost, 0, true);
      assertEquals(ending.toInfo().orderly, false);
    }
  }
});

const violation = { code: 1002, kind: "reserved-opcode", reason: "Reserved opcode" } as const;

/** What is done to an ending, and what that counts as. */
const ways: [string, EndedBy, (ending: CloseState) => void][] = [
  ["a closing handshake of this end", "local", (ending) => {
    ending.initiator = "local";
    ending.sent = ours;
    ending.received = theirs;
    ending.end(undefined, 0, true);
  }],
  ["a closing handshake of the peer", "remote", (ending) => {
    ending.receive(new Uint8Array([0x03, 0xe8]));
    ending.sent = ours;
    ending.end(undefined, 0, true);
  }],
  ["a Close frame that did not leave", "transport", (ending) => {
    ending.initiator = "local";
    ending.sent = ours;
    ending.received = theirs;
    ending.end(undefined, 4, false);
  }],
  ["a Close frame that was not answered in time", "timeout", (ending) => {
    ending.initiator = "local";
    ending.sent = ours;
    ending.drop(lost, "timeout");
    ending.end(undefined, 0, true);
  }],
  ["terminate()", "local", (ending) => {
    ending.drop(lost, "local");
    ending.end(undefined, 0, true);
  }],
  ["a peer that vanished", "transport", (ending) => ending.end(lost, 0, true)],
  ["a peer that ended without a Close frame", "transport", (ending) => {
    ending.drop(lost, "transport");
    ending.end(undefined, 0, true);
  }],
  ["a mistake of the peer", "violation", (ending) => {
    ending.fail(violation);
    ending.end(lost, 0, true);
  }],
  ["a Close frame with a code that may not be sent", "violation", (ending) => {
    const broken = ending.receive(new Uint8Array([0x03, 0xed]));
    if ("kind" in broken) ending.fail(broken);
    ending.end(undefined, 0, true);
  }],
  ["a mistake of this end", "local", (ending) => {
    ending.fail(new Error("a bug"));
    ending.end(undefined, 0, true);
  }],
];
for (const [what, endedBy, end] of ways) {
  test(`CloseState by ${what} is ${endedBy}`, () => {
    const ending = new CloseState();
    end(ending);
    const info = ending.toInfo();
    assertEquals(info.endedBy, endedBy);
    assertEquals(info.violation !== undefined, endedBy === "violation");
  });
}

test("CloseState tells while it is not final what is known, and the round trip with the end", () => {
  const ending = new CloseState();
  ending.initiator = "local";
  ending.sent = ours;
  const { final, sent, received, initiator, endedBy } = ending.toInfo(false);
  assertEquals([final, sent, received, initiator, endedBy], [
    false,
    ours,
    undefined,
    "local",
    "local",
  ]);
  assertEquals([ending.toInfo(true, 5).final, ending.toInfo(true, 5).roundTrip], [true, 5]);
});
