import { assertEquals, assertThrows } from "@std/assert";
import { formatUnixUrl, parseTarget } from "../../src/handshake/unix_url.ts";
import { test } from "../support/test.ts";

const targets: readonly (readonly [text: string, path: string | undefined, href: string])[] = [
  ["ws://example.org/chat", undefined, "ws://example.org/chat"],
  ["https://[::1]:8443/", undefined, "wss://[::1]:8443/"],
  ["ws+unix:/run/chat.sock:/chat?room=1", "/run/chat.sock", "ws://localhost/chat?room=1"],
  ["ws+unix:/run/chat.sock:/a:b", "/run/chat.sock", "ws://localhost/a:b"],
  ["ws+unix:/run/chat.sock", "/run/chat.sock", "ws://localhost/"],
  ["ws+unix:/run/chat.sock:", "/run/chat.sock", "ws://localhost/"],
  ["ws+unix:/run/chat.sock:?q", "/run/chat.sock", "ws://localhost/?q"],
  ["ws+unix:///run/chat.sock:/chat", "/run/chat.sock", "ws://localhost/chat"],
  ["WS+UNIX:/Run/Chat.sock:/", "/Run/Chat.sock", "ws://localhost/"],
  ["wss+unix:/run/chat.sock:/", "/run/chat.sock", "wss://localhost/"],
  ["ws+unix:/run/a%20b%3Ac.sock:/", "/run/a b:c.sock", "ws://localhost/"],
  ["ws+unix:/run/100%.sock:/", "/run/100%.sock", "ws://localhost/"],
];

for (const [text, path, href] of targets) {
  test(`parseTarget takes ${text}`, () => {
    const target = parseTarget(text);
    assertEquals([target.path, target.url.href], [path, href]);
  });
}

test("parseTarget takes a URL object", () => {
  const { url, path } = parseTarget(new URL("ws+unix:/run/a b.sock:/chat"));
  assertEquals([path, url.href], ["/run/a b.sock", "ws://localhost/chat"]);
});

const refused = [
  "ws+unix:run/chat.sock:/",
  "ws+unix://host/run/chat.sock:/",
  "ws+unix:",
  "ws+unix:/run/chat.sock:chat",
  "ws+unix:/run/chat.sock:/#top",
  "ws+unix:/run/chat.sock#top",
  "http+unix:/run/chat.sock:/",
];

for (const text of refused) {
  test(`parseTarget refuses ${text}`, () => {
    assertThrows(() => parseTarget(text), SyntaxError);
  });
}

for (const path of ["/run/chat.sock", "/run/a:b?c#d%e f/ü.sock"]) {
  test(`formatUnixUrl writes what parseTarget reads: ${path}`, () => {
    assertEquals(parseTarget(formatUnixUrl(path, false)).path, path);
    assertEquals(parseTarget(formatUnixUrl(path, true)).url.href, "wss://localhost/");
    assertEquals(parseTarget(new URL(formatUnixUrl(path, false))).path, path);
  });
}
