// From an accepted handshake to a connection, over a network in memory; the answers themselves are in http_session_test.ts.

import { assertEquals } from "@std/assert";
import { createNetwork } from "@sansocket/ws/testing";
import { withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

test("openConnection() counts a connection until it has ended, though its handler goes on", async () => {
  const { serve, connect } = createNetwork();
  const handler = withResolvers<void>();
  const server = await serve({ websocket: () => handler.promise });
  const client = await connect(server.url);
  assertEquals([server.connections.size, server.stats().connections], [1, 1]);
  const [connection] = server.connections;
  client.terminate();
  await connection?.closed;
  assertEquals([server.connections.size, server.stats().connections], [0, 0]);
  const closed = server.close();
  handler.resolve();
  await closed;
});

test("accept() makes one Request for all that ask for it", async () => {
  const { serve, connect } = createNetwork();
  const requests: unknown[] = [];
  await using server = await serve({
    routes: {
      "/": {
        protocol: (_offered, request) => void requests.push(request),
        websocket: { open: (ws) => void requests.push(ws.request, ws.request) },
      },
    },
  });
  const client = await connect(server.url);
  await client.close();
  assertEquals([requests.length, new Set(requests).size], [3, 1]);
});

test("accept() answers 500 and reports when the choice of a subprotocol throws", async () => {
  const { serve, connect } = createNetwork();
  const reported: unknown[] = [];
  const mistake = new Error("The chooser's own mistake");
  await using server = await serve({
    error: (error) => reported.push(error),
    routes: {
      "/": {
        protocol: () => {
          throw mistake;
        },
        websocket: {},
      },
    },
  });
  const error = await connect(server.url).then(() => undefined, (error) => error);
  assertEquals([error?.status, reported], [500, [mistake]]);
});
