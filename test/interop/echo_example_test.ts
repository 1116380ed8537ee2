// examples/echo.ts, run by each runtime the way that it says.

import { assert, assertEquals } from "@std/assert";
import { connect } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";
import { createServer } from "node:net";
import { start } from "../support/process.ts";
import type { Child } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

test("echo example echoes text as text and binary as binary, in silence", () =>
  withEcho([], async (ws) => {
    await ws.send("Grüße ☎");
    assertEquals(await ws.receive(), "Grüße ☎");
    await ws.send(new Uint8Array([0, 1, 255]));
    assertEquals(await ws.receive(), new Uint8Array([0, 1, 255]));
    await ws.close();
  }));

test("echo example holds to --max-message-size", () =>
  withEcho(["--max-message-size", "10"], async (ws) => {
    await ws.send("0123456789");
    assertEquals(await ws.receive(), "0123456789");
    await ws.send("0123456789a");
    assertEquals((await ws.closed).code, 1009);
  }));

test("echo example says goodbye with 1001 when it is stopped", () =>
  withEcho([], async (ws, child) => {
    await ws.send("hello");
    assertEquals(await ws.receive(), "hello");
    assertEquals(await child.stop("SIGINT"), 0, child.output());
    const { code, wasClean } = await ws.closed;
    assertEquals({ code, wasClean }, { code: 1001, wasClean: true });
  }));

async function withEcho(
  flags: string[],
  body: (ws: WebSocketConnection, child: Child) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const child = start(runtime, "examples/echo.ts", ["--port", String(port), ...flags]);
  try {
    await body(await connectWhenReady(`ws://127.0.0.1:${port}`, child), child);
  } finally {
    assertEquals(await child.stop(), 0, child.output());
    assertEquals(child.output(), "");
  }
}

/** The example is silent, so the only way to see that it listens is to try. */
async function connectWhenReady(url: string, child: Child): Promise<WebSocketConnection> {
  for (;;) {
    try {
      return await connect(url);
    } catch {
      assert(!child.ended(), `Expected a server, got: ${child.output()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
