import { assertEquals, assertThrows } from "@std/assert";
import { checkNotReserved } from "../../src/handshake/reserved_fields.ts";
import { test } from "../support/test.ts";

test("checkNotReserved refuses the fields of the handshake and of the framing", () => {
  const table = [
    "Connection",
    "Upgrade",
    "content-length",
    "Transfer-Encoding",
    "Trailer",
    "TE",
    "Keep-Alive",
    "Proxy-Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Version",
    "SEC-WEBSOCKET-PROTOCOL",
    "sec-websocket-extensions",
    "Sec-WebSocket-Anything",
  ];
  for (const name of table) assertThrows(() => checkNotReserved(name), TypeError, name);
});

test("checkNotReserved returns other names in lower case", () => {
  for (const name of ["Host", "Origin", "Cookie", "Set-Cookie", "Sec-Fetch-Mode", "Date"]) {
    assertEquals(checkNotReserved(name), name.toLowerCase());
  }
});
