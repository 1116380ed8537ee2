import { assertEquals } from "@std/assert";
import { formatRefusal, type HandshakeRefusal } from "../../src/handshake/refusal.ts";
import { judgeRequest } from "../../src/handshake/server.ts";
import { test } from "../support/test.ts";
import { request } from "./heads.ts";

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

test("formatRefusal is a complete response that ends the connection", () => {
  const judged = judgeRequest(request("Sec-WebSocket-Version: 8")) as HandshakeRefusal;
  assertEquals(
    text(formatRefusal(judged)),
    "HTTP/1.1 426 Upgrade Required\r\n" +
      "Upgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\n" +
      "Connection: Upgrade, close\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 40\r\n\r\n" +
      "Expected Sec-WebSocket-Version 13, got 8",
  );
  assertEquals(
    text(formatRefusal({ status: 403, reason: "N\u00e3o", headers: [["Date", "today"]] })),
    "HTTP/1.1 403 Forbidden\r\n" +
      "Date: today\r\n" +
      "Connection: close\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 4\r\n\r\n" +
      "N\u00e3o",
  );
});

test("formatRefusal sends no body to HEAD (RFC 9110 section 9.3.2)", () => {
  const refused: HandshakeRefusal = { status: 400, reason: "Bad", headers: [] };
  const whole = text(formatRefusal(refused, "GET"));
  assertEquals(text(formatRefusal(refused, "HEAD")) + "Bad", whole);
});
