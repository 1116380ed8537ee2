import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConnectionClosed, parseJson, receiveJson, sendJson } from "@sansocket/ws";
import { networks, withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

const { serve, connect } = networks.memory();

test("sendJson() and receiveJson() carry what JSON can say", async () => {
  const server = await serve({
    websocket: async (ws) => {
      for (;;) await sendJson(ws, await receiveJson(ws));
    },
  });
  const ws = await connect(server.url);
  for (const value of [null, true, 1.5, "ü", [1, [2]], { a: { b: "c" } }]) {
    await sendJson(ws, value);
    assertEquals(await receiveJson(ws), value);
  }
  assertEquals((await ws.close()).code, 1000);
  await server.close();
});

test("sendJson() refuses what JSON cannot say", async () => {
  const server = await serve({ websocket: {} });
  const ws = await connect(server.url);
  assertThrows(() => sendJson(ws, undefined), TypeError, "got undefined");
  assertThrows(() => sendJson(ws, () => {}), TypeError, "got function");
  assertThrows(() => sendJson(ws, 1n), TypeError);
  await server.close();
});

test("receiveJson() ends its wait by a signal", async () => {
  const server = await serve({ websocket: {} });
  const ws = await connect(server.url);
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => receiveJson(ws, { signal }), Error, "enough");
  await server.close();
});

const mistakes: [string, string | Uint8Array<ArrayBuffer>, number, string][] = [
  ["a text that is malformed", '{"a":', 1007, "Expected JSON"],
  ["an empty text", "", 1007, "Expected JSON"],
  ["a binary message", new Uint8Array([0x31]), 1003, "Expected text"],
];
for (const [what, message, code, reason] of mistakes) {
  test(`receiveJson() closes with ${code} for ${what}, which is no fault of the handler`, async () => {
    const reported: unknown[] = [];
    const rejected = withResolvers<unknown>();
    const server = await serve({
      error: (error) => reported.push(error),
      websocket: async (ws) => {
        await receiveJson(ws).catch((error) => {
          rejected.resolve(error);
          throw error;
        });
      },
    });
    const ws = await connect(server.url);
    await ws.send(message);
    const info = await ws.closed;
    assertEquals([info.code, info.reason], [code, reason]);
    assertEquals(await rejected.promise instanceof ConnectionClosed, true);
    await server.close();
    assertEquals(reported, []);
  });

  test(`parseJson() closes with ${code} for ${what}, and the error hook is not called`, async () => {
    const reported: unknown[] = [];
    const server = await serve({
      error: (error) => reported.push(error),
      websocket: {
        message: (ws, data) => ws.send(typeof parseJson(ws, data)),
        error: (_ws, error) => void reported.push(error),
      },
    });
    const ws = await connect(server.url);
    await ws.send("[]");
    assertEquals(await ws.receive(), "object");
    await ws.send(message);
    const info = await ws.closed;
    assertEquals([info.code, info.reason], [code, reason]);
    await server.close();
    assertEquals(reported, []);
  });
}
