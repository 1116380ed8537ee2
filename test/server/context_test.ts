import { assertEquals, assertStrictEquals } from "@std/assert";
import type { FetchHandler, WebSocketConnection } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { settled } from "../support/connections.ts";
import { test } from "../support/test.ts";

test("ServerContext is shared: all connections are in one set while they are open", async () => {
  const { serve, connect } = createNetwork();
  const opened: WebSocketConnection[] = [];
  const server = await serve({ websocket: { open: (ws) => opened.push(ws) } });
  const clients = [await connect(server.url), await connect(server.url)];
  assertEquals([...server.connections], opened);
  await clients[0]?.close();
  await settled();
  assertEquals(server.connections.size, 1);
  assertStrictEquals([...server.connections][0], opened[1]);
  await server.close();
  assertEquals(server.connections.size, 0);
});

test("ServerContext is of one server: another has its own", async () => {
  const { serve, connect } = createNetwork();
  const [a, b] = [
    await serve({ port: 1, maxMessageSize: 1, websocket: {} }),
    await serve({ port: 2, websocket: {} }),
  ];
  const [toA, toB] = [await connect(a.url), await connect(b.url)];
  assertEquals([a.connections.size, b.connections.size], [1, 1]);
  toA.send("12");
  toB.send("12");
  assertEquals((await toA.closed).code, 1009);
  assertEquals((await toB.close()).code, 1000);
  await Promise.all([a.close(), b.close()]);
});

test("FetchHandler may be async, and gets upgrade(), the address and the TLS as its tools", async () => {
  const { serve, connect } = createNetwork();
  const handler: FetchHandler = async (_request, tools) => {
    await settled();
    return tools.upgrade((ws) => ws.send(`${Object.keys(tools)} ${tools.tls}`));
  };
  const server = await serve({ fetch: handler });
  const ws = await connect(server.url);
  assertEquals(await ws.receive(), "upgrade,tls,remoteAddress undefined");
  await server.close();
});
