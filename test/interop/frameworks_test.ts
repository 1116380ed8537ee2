// The examples of frameworks, run by each runtime the way that they say: the same promises for each.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, HandshakeError } from "@sansocket/ws";
import { RawPeer } from "../support/raw.ts";
import { start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

const examples: Record<string, string | undefined> = {
  express: undefined,
  fastify: undefined,
  koa: undefined,
  hono: undefined,
  hono_node: runtime === "node" ? undefined : "Hono's server for Node is for Node",
};

for (const [name, skip] of Object.entries(examples)) {
  test(`examples/${name}.ts serves a socket behind the framework's middleware`, async () => {
    const child = start(runtime, `examples/${name}.ts`, ["--port", "0"]);
    try {
      const [url = "", port] = await child.waitFor(/http:\/\/127\.0\.0\.1:(\d+)\//);
      const headers = { "x-user": "ada" };

      // Pages.
      const page = await fetch(url, { headers });
      assertEquals([page.status, await page.text()], [200, "Hello ada"]);

      // Middleware refuses an upgrade as it refuses a page, and its answer reaches the client.
      const error = await assertRejects(() => connect(`${url}chat`), HandshakeError);
      assertEquals(error.status, 401);
      assertStringIncludes(error.body ?? "", "Say who you are");

      // The route knows what middleware found out.
      const ws = await connect(`${url}chat`, { headers });
      assertEquals(await ws.receive(), "Welcome ada");
      await ws.send("hello");
      assertEquals(await ws.receive(), "hello");
      await ws.close();

      // What middleware set on the response goes with the 101, and frames behind the handshake are kept.
      {
        await using peer = await RawPeer.dial(Number(port));
        const { status, get } = await peer.upgrade("GET /chat HTTP/1.1", "X-User: bob");
        assertEquals(status, 101);
        assertStringIncludes(get("set-cookie") ?? "", "greeted=yes");
        assertEquals((await peer.takeFrame()).payload, new TextEncoder().encode("Welcome bob"));
      }

      // What is no handshake is told so, and a page is no place for a socket.
      const plain = await fetch(`${url}chat`, { headers });
      assertEquals([plain.status, plain.headers.get("upgrade")], [426, "websocket"]);
      assertStringIncludes(await plain.text(), "Expected");
      const elsewhere = await assertRejects(() => connect(url, { headers }), HandshakeError);
      assertEquals(elsewhere.status, 200);

      // The origin rule holds.
      {
        await using peer = await RawPeer.dial(Number(port));
        const response = await peer.upgrade(
          "GET /chat HTTP/1.1",
          "X-User: bob",
          "Origin: https://evil.example",
        );
        assertEquals(response.status, 403);
      }

      // Stopping says goodbye.
      const last = await connect(`${url}chat`, { headers });
      assertEquals(await last.receive(), "Welcome ada");
      assertEquals(await child.stop(), 0, child.output());
      assertEquals((await last.closed).code, 1001);
    } finally {
      await child.stop();
    }
    assert(!/error/i.test(child.output()), child.output());
  }, { skip });
}
