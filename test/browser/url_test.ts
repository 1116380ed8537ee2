import { assertEquals, assertThrows } from "@std/assert";
import { toSocketUrl } from "../../src/browser/url.ts";
import { test } from "../support/test.ts";

/** Runs `body` where the program has this location. */
function at(href: string | undefined, body: () => void): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, "location");
  const value = href === undefined ? undefined : { href };
  Object.defineProperty(globalThis, "location", { value, configurable: true, writable: true });
  try {
    body();
  } finally {
    if (before === undefined) delete (globalThis as { location?: unknown }).location;
    else Object.defineProperty(globalThis, "location", before);
  }
}

test("toSocketUrl keeps ws: and wss:, and takes http: and https:", () => {
  for (const href of [undefined, "https://page.example/a/b"]) {
    at(href, () => {
      assertEquals(toSocketUrl("ws://a.example/b?c"), "ws://a.example/b?c");
      assertEquals(toSocketUrl("http://a.example/"), "ws://a.example/");
      assertEquals(new URL(toSocketUrl("HTTPS://a.example/")).href, "wss://a.example/");
      assertEquals(toSocketUrl(new URL("https://a.example")), "wss://a.example/");
      assertEquals(toSocketUrl("wss://a.example/"), "wss://a.example/");
    });
  }
});

test("toSocketUrl resolves what is relative against the location", () => {
  at("https://page.example/a/b?c#d", () => {
    assertEquals(toSocketUrl("/chat"), "wss://page.example/chat");
    assertEquals(toSocketUrl("chat"), "wss://page.example/a/chat");
    assertEquals(toSocketUrl("//b.example/?e"), "wss://b.example/?e");
    assertEquals(toSocketUrl("?e"), "wss://page.example/a/b?e");
  });
  at("http://page.example/", () => assertEquals(toSocketUrl("/chat"), "ws://page.example/chat"));
});

test("toSocketUrl refuses another scheme, a fragment, and what is relative without a location", () => {
  at(undefined, () => {
    for (const url of ["", "/chat", "chat", "ftp://a/", "ws://a/#", "ws://a/#b", "ws+unix:/a"]) {
      assertThrows(() => toSocketUrl(url), SyntaxError, `got ${url}`);
    }
  });
  at("blob:https://page.example/0", () => {
    assertThrows(() => toSocketUrl("/chat"), SyntaxError, "got /chat");
  });
  at("file:///page.html", () => {
    assertThrows(() => toSocketUrl("/chat"), SyntaxError, "got file:///chat");
  });
});
