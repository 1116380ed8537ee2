import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { ConnectionClosed, HandshakeError, ProtocolError } from "../../src/protocol/errors.ts";
import { closeInfo } from "../support/close_info.ts";
import { test } from "../support/test.ts";

const normal = { code: 1000, reason: "" };
const info = closeInfo({ sent: normal, received: normal });

test("ProtocolError carries the close code and the name of the violation", () => {
  const error = new ProtocolError(1002, "Reserved opcode", "reserved-opcode");
  assert(error instanceof Error);
  assertEquals([error.name, error.code, error.message], [
    "ProtocolError",
    1002,
    "Reserved opcode (errors.md#violation-reserved-opcode)",
  ]);
  assertEquals(error.violation, "reserved-opcode");
});

test("ConnectionClosed says who closed, with what, and why", () => {
  const lost = new Error("The connection was lost");
  for (
    const [closed, message] of [
      [info, "The connection was closed by the peer with 1000"],
      [
        { ...info, initiator: "local", code: 4000, sent: { code: 4000, reason: "done" } },
        "The connection was closed by this end with 4000 (done)",
      ],
      [
        { ...info, code: 1006, cause: lost },
        "The connection was closed by the peer with 1006: The connection was lost (errors.md#close-1006)",
      ],
    ] as const
  ) {
    const error = new ConnectionClosed(closed);
    assertEquals([error.name, error.message], ["ConnectionClosed", message]);
    assertStrictEquals(error.info, closed);
    assertStrictEquals(error.cause, closed.cause);
    assertEquals("cause" in error, closed.cause !== undefined);
  }
});

test("ConnectionClosed says what is known while the connection is closing", () => {
  const open = closeInfo({ code: 1006, wasClean: false, final: false });
  const cause = new ProtocolError(1002, "Reserved opcode", "reserved-opcode");
  for (
    const [known, message] of [
      [
        { ...open, initiator: "local", sent: { code: 4000, reason: "done" } },
        "The connection is closing: this end said 4000 (done)",
      ],
      [
        { ...open, received: { code: 1005, reason: "" } },
        "The connection is closing: the peer said 1005",
      ],
      [
        { ...open, initiator: "local", sent: { code: 1002, reason: "Reserved opcode" }, cause },
        "The connection is closing: this end said 1002 (Reserved opcode) (errors.md#close-1002)",
      ],
      [{ ...open, cause: new Error("Reset") }, "The connection is lost: Reset"],
    ] as const
  ) {
    const error = new ConnectionClosed(known);
    assertEquals(error.message, message);
    assertStrictEquals(error.info, known);
    assertStrictEquals(error.cause, known.cause);
  }
});

test("HandshakeError carries the answer", () => {
  const headers = new Headers({ "retry-after": "1" });
  const cause = new Error("inner");
  const error = new HandshakeError("Refused", { status: 503, headers, body: "later", cause });
  assertEquals([error.name, error.message], [
    "HandshakeError",
    "Refused (errors.md#handshakeerror)",
  ]);
  assertEquals([error.status, error.body], [503, "later"]);
  assertStrictEquals(error.headers, headers);
  assertStrictEquals(error.cause, cause);
});

test("HandshakeError has the code of its cause, unless told", () => {
  const cause = Object.assign(new Error("inner"), { code: "ECONNRESET" });
  assertEquals(new HandshakeError("", { cause }).code, "ECONNRESET");
  assertEquals(new HandshakeError("", { cause, code: "EPROTO" }).code, "EPROTO");
  for (const other of [undefined, null, "text", new Error("inner"), { code: 1006 }]) {
    assertEquals(new HandshakeError("", { cause: other }).code, undefined);
  }
});

test("HandshakeError has no answer and no cause unless told", () => {
  const error = new HandshakeError("No answer");
  assertEquals([error.status, error.headers, error.body], [undefined, undefined, undefined]);
  assertEquals("cause" in error, false);
});
