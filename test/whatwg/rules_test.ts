import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { HandshakeError } from "../../src/errors.ts";
import { createNetwork } from "../../src/testing.ts";
import {
  checkClose,
  checkProtocols,
  closeStatus,
  connectChecked,
  isBufferSource,
  parseTarget,
  sizeOf,
  toArrayBuffer,
} from "../../src/whatwg/rules.ts";
import { test } from "../support/test.ts";

function throwsDom(name: string, fn: () => unknown): void {
  assertEquals(assertThrows(fn, DOMException).name, name);
}

test("parseTarget throws a SyntaxError of the DOM", () => {
  assertEquals(parseTarget("HTTP://Example.org:80").href, "ws://example.org/");
  throwsDom("SyntaxError", () => parseTarget("ws://example.org/#"));
});

test("checkProtocols compares without regard to case", () => {
  checkProtocols([]);
  checkProtocols(["echo", "echo2", "CHAT.v1"]);
  throwsDom("SyntaxError", () => checkProtocols(["echo", "eCho"]));
  throwsDom("SyntaxError", () => checkProtocols(["a/b"]));
});

test("checkClose converts as Web IDL does, half to even", () => {
  const code = (value: unknown) => checkClose(value as number, undefined).code;
  assertEquals(["1000", 1000.5, 999.5, 3000.4, 4998.6].map(code), [1000, 1000, 1000, 3000, 4999]);
  for (const value of [4999.6, 1000.6, 2999.4, Infinity, -Infinity, {}, true]) {
    throwsDom("InvalidAccessError", () => code(value));
  }
});

test("checkClose gives a reason without a code 1000, and nothing no code", () => {
  assertEquals(checkClose(undefined, undefined), { code: null, reason: "" });
  assertEquals(checkClose(undefined, "why"), { code: 1000, reason: "why" });
  assertEquals(checkClose(undefined, null as unknown as string), { code: 1000, reason: "null" });
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
  assertEquals(error.message, "Expected the server to choose a subprotocol, got none");
  await (await connectChecked(connect, url, {})).close();
  await server.close();
});

test("closeStatus is what the peer said, or 1006", () => {
  const info = {
    code: 1002,
    reason: "ours",
    wasClean: false,
    initiator: "local",
    sent: { code: 1002, reason: "ours" },
    received: undefined,
    cause: undefined,
  } as const;
  assertEquals(closeStatus(info), { code: 1006, reason: "" });
  assertEquals(closeStatus({ ...info, received: { code: 3000, reason: "theirs" } }), {
    code: 3000,
    reason: "theirs",
  });
});

test("isBufferSource takes buffers and views of any kind", () => {
  const buffer = new ArrayBuffer(8);
  for (const data of [buffer, new DataView(buffer), new Float64Array(buffer)]) {
    assertEquals(isBufferSource(data), true);
  }
  for (const data of ["", null, undefined, [], {}, new Blob([])]) {
    assertEquals(isBufferSource(data), false);
  }
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
