import { assertEquals } from "@std/assert";
import { BrowserClose, toPageCode } from "../../src/browser/browser_close.ts";
import { closeInfo } from "../support/close_info.ts";
import { test } from "../support/test.ts";

test("toPageCode is right for every code that may be sent", () => {
  const registered = [1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  for (let code = 1000; code < 5000; code++) {
    if (registered.includes(code)) assertEquals(toPageCode(code), code + 3000);
    else if (code === 1000 || code >= 3000) assertEquals(toPageCode(code), code);
  }
});

const lost = "The connection was lost; a browser does not say why, its console may";

test("BrowserClose tells the peer's end", () => {
  const clean = { code: 1001, reason: "moved", wasClean: true };
  const received = { code: 1001, reason: "moved" };
  assertEquals(new BrowserClose().toInfo(clean, 7, true), closeInfo({ ...received, received }));
  const none = new BrowserClose().toInfo({ code: 1005 }, 0, true);
  assertEquals(none, closeInfo({ code: 1005, received: { code: 1005, reason: "" } }));
  // The peer's Close frame came, and the browser's answer did not leave.
  const half = new BrowserClose().toInfo({ code: 1000, reason: "", wasClean: false }, 7, true);
  assertEquals([half.code, half.wasClean, half.orderly, half.endedBy, half.unsent], [
    1000,
    false,
    false,
    "transport",
    7,
  ]);
});

test("BrowserClose tells a connection that was lost", () => {
  for (const code of [1006, 1015, 0]) {
    const info = new BrowserClose().toInfo({ code, reason: "", wasClean: false }, 7, true);
    assertEquals(info.cause?.message, lost);
    const expected = { code: 1006, wasClean: false, unsent: 7, endedBy: "transport" } as const;
    assertEquals({ ...info, cause: undefined }, closeInfo(expected));
  }
});

test("BrowserClose tells this end's Close frame, and a loss behind it", () => {
  const close = new BrowserClose();
  close.sent = { code: 1000, reason: "" };
  const partial = close.toInfo(undefined, 0, false);
  assertEquals([partial.final, partial.initiator, partial.sent?.code, partial.cause], [
    false,
    "local",
    1000,
    undefined,
  ]);
  const clean = close.toInfo({ code: 1000, wasClean: true }, 0, true);
  assertEquals([clean.initiator, clean.endedBy, clean.orderly], ["local", "local", true]);
  const broken = close.toInfo({ code: 1006, wasClean: false }, 0, true);
  assertEquals([broken.initiator, broken.endedBy, broken.orderly], ["local", "transport", false]);
});

test("BrowserClose tells why this end has given the connection up", () => {
  const cause = new Error("too much");
  const close = new BrowserClose();
  close.fail(cause, "local", { code: 4009, reason: "why" });
  const info = close.toInfo(undefined, 3, true);
  assertEquals(
    info,
    closeInfo({
      code: 4009,
      reason: "why",
      wasClean: false,
      initiator: "local",
      sent: { code: 4009, reason: "why" },
      cause,
      unsent: 3,
    }),
  );
});
