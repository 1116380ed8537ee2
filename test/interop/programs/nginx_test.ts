// nginx between client and server.

import { assertEquals } from "@std/assert";
import { connect, serve } from "@sansocket/ws";
import type { CloseInfo } from "@sansocket/ws";
import { runtime, test } from "../../support/test.ts";
import { skipReason, testClient, testServer } from "../harness.ts";
import { Queue } from "../peer.ts";
import { missing, nginxServer, overTls, startNginx } from "./nginx.ts";
import { websocketsClient } from "./python.ts";

testClient(nginxServer);
testServer(overTls(websocketsClient));
if (runtime === "node") {
  const { undiciClient } = await import("./undici.ts");
  testServer(overTls(undiciClient));
}

test(
  "connect() through nginx and serve() behind it notice that nginx cuts an idle connection",
  async () => {
    const nginx = await startNginx();
    const closed = new Queue<CloseInfo>();
    const server = await serve({
      port: 0,
      websocket: {
        message: (ws, message) => ws.send(message),
        close: (_ws, info) => closed.push(info),
      },
    });
    try {
      const ws = await connect(`ws://127.0.0.1:${nginx.port}/idle/${server.port}/`);
      await ws.send("hello");
      assertEquals(await ws.receive(), "hello");
      for (const { code, wasClean, initiator } of [await ws.closed, await closed.shift()]) {
        assertEquals({ code, wasClean, initiator }, {
          code: 1006,
          wasClean: false,
          initiator: "remote",
        });
      }
    } finally {
      await server.close();
      await nginx.stop();
    }
  },
  { skip: skipReason(missing) },
);
