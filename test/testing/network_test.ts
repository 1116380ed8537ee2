import { assert, assertEquals, assertRejects } from "@std/assert";
import { WebSocketConnection } from "@sansocket/ws";
import { createNetwork, pair } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

test("createNetwork serves and connects without a port of the machine", async () => {
  const { serve, connect } = createNetwork();
  const server = await serve({
    fetch: (request, { upgrade }) =>
      upgrade({ message: (ws, data) => ws.send(`${new URL(request.url).pathname} ${data}`) }),
  });
  const ws = await connect(`${server.url}room`);
  await ws.send("hello");
  assertEquals(await ws.receive(), "/room hello");
  await server.close();
  assertEquals((await ws.closed).code, 1001);
});

test("createNetwork is not reached from another network", async () => {
  const one = createNetwork();
  const server = await one.serve({ port: 1, websocket: {} });
  await assertRejects(
    () => createNetwork().connect(server.url),
    Error,
    "127.0.0.1:1: nothing listens there",
  );
  await server.close();
});

test("pair gives both ends of an open connection", async () => {
  const { client, server } = await pair();
  assert(client instanceof WebSocketConnection);
  assert(server instanceof WebSocketConnection);
  client.send("to the server");
  server.send("to the client");
  assertEquals([await server.receive(), await client.receive()], [
    "to the server",
    "to the client",
  ]);
  await client.close(4000, "done");
  const { code, reason, initiator } = await server.closed;
  assertEquals({ code, reason, initiator }, { code: 4000, reason: "done", initiator: "remote" });
});

test("pair can be closed by the server's end", async () => {
  const { client, server } = await pair();
  assertEquals((await server.close(4001)).wasClean, true);
  assertEquals((await client.closed).code, 4001);
});

test("pair makes pairs that know nothing of each other", async () => {
  const [one, two] = await Promise.all([pair(), pair()]);
  one.client.send("1");
  two.client.send("2");
  assertEquals([await one.server.receive(), await two.server.receive()], ["1", "2"]);
  one.client.terminate();
  await one.server.closed;
  assertEquals(await two.client.ping() >= 0, true);
  await two.client.close();
});

test("createNetwork compresses where both ends want it", async () => {
  const { serve, connect } = createNetwork();
  const server = await serve({
    compression: true,
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const text = "again and again ".repeat(100);
  for (const compression of [undefined, true, false]) {
    const ws = await connect(server.url, compression === undefined ? {} : { compression });
    assertEquals(ws.extensions.startsWith("permessage-deflate"), compression !== false);
    ws.send(text);
    assertEquals(await ws.receive(), text);
  }
  await server.close();
});
