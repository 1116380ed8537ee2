import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  createStreamError,
  toCloseArguments,
  WebSocketError,
} from "../../src/client/whatwg_error.ts";
import { test } from "../support/test.ts";

function throwsDom(name: string, fn: () => unknown): void {
  assertEquals(assertThrows(fn, DOMException).name, name);
}

test("WebSocketError is a DOMException with a close code and a reason", () => {
  const empty = new WebSocketError();
  assertInstanceOf(empty, DOMException);
  assertEquals([empty.name, empty.message, empty.code], ["WebSocketError", "", 0]);
  assertEquals([empty.closeCode, empty.reason], [null, ""]);
  const full = new WebSocketError("message", { closeCode: 3456, reason: "reason" });
  assertEquals([full.message, full.closeCode, full.reason], ["message", 3456, "reason"]);
  assertEquals(new WebSocketError("", { reason: "reason" }).closeCode, 1000);
});

test("WebSocketError refuses codes and reasons that may not be sent", () => {
  for (const closeCode of [0, 999, 1001, 2999, 5000]) {
    throwsDom("InvalidAccessError", () => new WebSocketError("", { closeCode }));
  }
  throwsDom("SyntaxError", () => new WebSocketError("", { reason: "a".repeat(124) }));
});

test("toCloseArguments converts as Web IDL says", () => {
  const convert = (info: unknown) => toCloseArguments(info as object);
  for (const nothing of [undefined, null, {}, { closeCode: undefined }]) {
    assertEquals(convert(nothing), { code: null, reason: "" });
  }
  assertEquals(convert({ closeCode: "3000.9", reason: 5 }), { code: 3000, reason: "5" });
  for (const wrong of [true, 5, "text", { closeCode: 65_536 }, { closeCode: NaN }]) {
    assertThrows(() => convert(wrong), TypeError);
  }
  throwsDom("InvalidAccessError", () => convert({ closeCode: null }));
});

test("createStreamError may carry any code", () => {
  const cause = new Error("why");
  const error = createStreamError("Lost", { code: 1006, reason: "gone" }, cause);
  assertInstanceOf(error, WebSocketError);
  assertEquals([error.message, error.closeCode, error.reason, error.cause], [
    "Lost",
    1006,
    "gone",
    cause,
  ]);
});
