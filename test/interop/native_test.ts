// Each runtime's own WebSocket client and server. Node 20 has no client of its own in the global
// scope; undici from npm is the one that later versions of Node have there. Node has no server.

import { runtime } from "../support/test.ts";
import { testClient, testServer } from "./harness.ts";
import { bunServer, denoClient, denoServer, whatwgClient } from "./native_peer.ts";

if (runtime === "node") {
  const undici = await import("undici");
  testServer(whatwgClient("undici's WebSocket", undici.WebSocket as unknown as typeof WebSocket));
}
if (runtime === "deno") {
  testServer(denoClient(WebSocket));
  testClient(denoServer);
}
if (runtime === "bun") {
  testServer(whatwgClient("the WebSocket of bun", WebSocket));
  testClient(bunServer);
}
