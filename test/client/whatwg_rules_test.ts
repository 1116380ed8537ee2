import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { HandshakeError } from "../../src/protocol/errors.ts";
import { createWebSocketClass, createWebSocketStreamClass } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import {
  checkClose,
  checkProtocols,
  closeStatus,
  connectChecked,
  parseTarget,
  sizeOf,
  toArrayBuffer,
} from "../../src/client/whatwg_rules.ts";
import { closeInfo } from "../support/close_info.ts";
import { withoutRow } from "../support/error_rows.ts";
import { test } from "../support/test.ts";

/** Runs a body once for each location of the program. */
async function withLocation(
  places: readonly string[],
  body: (href: string) => void | Promise<void>,
): Promise<void> {
  const own = Object.getOwnPropertyDescriptor(globalThis, "location");
  try {
    for (const href of places) {
      Object.defineProperty(globalThis, "location", { value: { href }, configurable: true });
      await body(href);
    }
  } finally {
    if (own === undefined) Reflect.deleteProperty(globalThis, "location");
    else Object.defineProperty(globalThis, "location", own);
  }
}

function throwsDom(name: string, fn: () => unknown): void {
  assertEquals(assertThrows(fn, DOMException).name, name);
}

test("parseTarget throws a SyntaxError of the DOM", () => {
  assertEquals(parseTarget("HTTP://Example.org:80").href, "ws://example.org/");
  throwsDom("SyntaxError", () => parseTarget("ws://example.org/#"));
});

test("parseTarget resolves a URL where there is a location", () => {
  return withLocation(["https://example.org/a/b?c", "about:blank"], (href) => {
    if (href === "about:blank") {
      throwsDom("SyntaxError", () => parseTarget("d"));
    } else {
      assertEquals(parseTarget("d").href, "wss://example.org/a/d");
      assertEquals(parseTarget("/d?e").href, "wss://example.org/d?e");
      throwsDom("SyntaxError", () => parseTarget("d#e"));
      throwsDom("SyntaxError", () => parseTarget("ftp://other/"));
    }
    assertEquals(parseTarget("ws://other/").href, "ws://other/");
  });
});

test("The classes send the origin of the program's location, unless the caller sets one", async () => {
  const { serve, connect } = createNetwork();
  let seen: string | null = null;
  const server = await serve({
    origins: ["*"],
    fetch({ headers }, { upgrade }) {
      seen = headers.get("origin");
      return upgrade((ws) => ws.closed);
    },
  });
  const WebSocket = createWebSocketClass(connect);
  const WebSocketStream = createWebSocketStreamClass(connect);
  const ask = async (options: { headers?: HeadersInit }): Promise<(string | null)[]> => {
    const ws = new WebSocket(server.url, options);
    await new Promise((resolve) => ws.onopen = resolve);
    const fromClass = seen;
    ws.close();
    const stream = new WebSocketStream(server.url, options);
    await stream.opened;
    stream.close();
    return [fromClass, seen];
  };
  assertEquals(await ask({}), [null, null]);
  const places = ["https://example.org:8443/a?b", "http://example.org:80/", "about:blank"];
  const origins = ["https://example.org:8443", "http://example.org", null];
  await withLocation(places, async (href) => {
    const origin = origins[places.indexOf(href)]!;
    assertEquals(await ask({}), [origin, origin]);
    assertEquals(await ask({ headers: [["a", "b"]] }), [origin, origin]);
    const given = "https://other.example";
    assertEquals(await ask({ headers: { ORIGIN: given } }), [given, given]);
    await (await connect(server.url)).close();
    assertEquals(seen, null);
  });
  await server.close();
});

test("checkProtocols compares without regard to case", () => {
  checkProtocols([]);
  checkProtocols(["echo", "echo2", "CHAT.v1"]);
  throwsDom("SyntaxError", () => checkProtocols(["echo", "eCho"]));
  throwsDom("SyntaxError", () => checkProtocols(["a/b"]));
});

test("checkClose takes 1000 and 3000 to 4999", () => {
  for (const code of [1000, 3000, 4999]) assertEquals(checkClose(code, undefined).code, code);
  for (const code of [0, 999, 1001, 2999, 5000, 65_535]) {
    throwsDom("InvalidAccessError", () => checkClose(code, undefined));
  }
});

test("checkClose gives a reason without a code 1000, and nothing no code", () => {
  assertEquals(checkClose(undefined, undefined), { code: null, reason: "" });
  assertEquals(checkClose(undefined, "why"), { code: 1000, reason: "why" });
  assertEquals(checkClose(undefined, null), { code: 1000, reason: "null" });
});

test("checkClose judges the code before the reason", () => {
  throwsDom("InvalidAccessError", () => checkClose(1001, "a".repeat(124)));
  throwsDom("SyntaxError", () => checkClose(1000, "\u20ac".repeat(42)));
});

test("connectChecked fails a connection without a subprotocol when some were offered", async () => {
  const { serve, connect } = createNetwork();
  const server = await serve({ websocket: (ws) => ws.closed });
  const url = parseTarget(server.url);
  const error = await assertRejects(
    () => connectChecked(connect, url, { protocols: ["a"] }),
    HandshakeError,
  );
  assertEquals(withoutRow(error.message), "Expected the server to choose a subprotocol, got none");
  await (await connectChecked(connect, url, {})).close();
  await server.close();
});

test("closeStatus is what the peer said, or 1006", () => {
  const sent = { code: 1002, reason: "ours" };
  const info = closeInfo({ ...sent, wasClean: false, initiator: "local", sent });
  assertEquals(closeStatus(info), { code: 1006, reason: "" });
  assertEquals(closeStatus({ ...info, received: { code: 3000, reason: "theirs" } }), {
    code: 3000,
    reason: "theirs",
  });
});

test("sizeOf counts octets of any payload", () => {
  const sizes = ["", "a\u00e9\u20ac\u{1f600}", "\ud83d\ud83d\ude00\udc00", new Blob(["abc"])].map(
    sizeOf,
  );
  assertEquals(sizes, [0, 10, 10, 3]);
  assertEquals(sizeOf(new Uint16Array(3).subarray(1)), 4);
});

test("toArrayBuffer copies only a part of a buffer", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  assertStrictEquals(toArrayBuffer(bytes), bytes.buffer);
  assertEquals(new Uint8Array(toArrayBuffer(bytes.subarray(1))), new Uint8Array([2, 3]));
});
