// examples/core_client.ts, run by each runtime the way that it says.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { serve } from "@sansocket/ws";
import { computeAccept } from "@sansocket/ws/core";
import { createServer } from "node:net";
import { start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

test("core client example sends, prints the answers, and closes", async () => {
  await using server = await serve({
    port: 0,
    websocket: { message: (ws, data) => ws.send(`${data}!`) },
  });
  const large = "a".repeat(100_000);
  const child = start(runtime, "examples/core_client.ts", [
    String(server.url),
    "hello",
    large,
    "☎",
  ]);
  assertEquals(await child.exit, 0, child.output());
  assertEquals(child.output(), `hello!\n${large}!\n☎!\n1000 clean\n`);
});

test("core client example closes at once when it has nothing to send", async () => {
  await using server = await serve({ port: 0, websocket: (ws) => ws.closed });
  const child = start(runtime, "examples/core_client.ts", [String(server.url)]);
  assertEquals([await child.exit, child.output()], [0, "1000 clean\n"]);
});

test("core client example takes frames that come with the response, in one chunk or two", async () => {
  // 101, a Ping, a text, and a Close frame that the client answers before the stream ends.
  for (const cut of [0, 20]) {
    const server = createServer((socket) => {
      socket.once("data", (request) => {
        const [, key = ""] = /Sec-WebSocket-Key: (.*)\r\n/.exec(request.toString("latin1")) ?? [];
        const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
          `Connection: Upgrade\r\nSec-WebSocket-Accept: ${computeAccept(key)}\r\n\r\n`;
        const frames = Buffer.from("8900" + "81026869" + "880203e9", "hex");
        const all = Buffer.concat([Buffer.from(head, "latin1"), frames]);
        socket.write(all.subarray(0, cut));
        socket.end(all.subarray(cut));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const url = `ws://127.0.0.1:${port}/`;
    const child = start(runtime, "examples/core_client.ts", [url, "a", "b"]);
    assertEquals([await child.exit, child.output()], [0, "hi\n1001 clean\n"]);
    await new Promise((resolve) => server.close(resolve));
  }
});

test("core client example fails with what the server answered instead", async () => {
  await using server = await serve({ port: 0, fetch: () => new Response("no", { status: 404 }) });
  const child = start(runtime, "examples/core_client.ts", [String(server.url), "hello"]);
  assertEquals(await child.exit, 1, child.output());
  assertStringIncludes(child.output(), "Expected status 101, got 404");
});
