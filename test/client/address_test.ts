import { assertEquals } from "@std/assert";
import { addressOf } from "../../src/client/address.ts";
import { test } from "../support/test.ts";

test("addressOf() has the port of the scheme, and no brackets", () => {
  const table: [string, string, number][] = [
    ["ws://a.example/chat", "a.example", 80],
    ["wss://a.example", "a.example", 443],
    ["wss://[2001:db8::1]:80", "2001:db8::1", 80],
    ["http://me:secret@p", "p", 80],
    ["https://p", "p", 443],
    ["socks5://me:secret@p", "p", 1080],
    ["socks5h://[::1]", "::1", 1080],
    ["socks5h://p:80", "p", 80],
  ];
  for (const [url, hostname, port] of table) {
    assertEquals(addressOf(new URL(url)), { hostname, port });
  }
});
