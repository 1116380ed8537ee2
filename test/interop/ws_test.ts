// The npm package `ws` in both directions. Bun answers `import "ws"` with an implementation of its
// own, so there the package itself is imported by its path, and Bun's stand-in is one more peer.

import { runtime } from "../support/test.ts";
import { testClient, testServer } from "./harness.ts";
import { wsClient, wsServer } from "./ws_peer.ts";

type Library = typeof import("ws");

const byName = "ws";
const byPath = "../../node_modules/ws/wrapper.mjs";

const library = await import(runtime === "bun" ? byPath : byName) as Library;
testClient(wsServer("a ws server", library));
testServer(wsClient("a ws client", library));

if (runtime === "bun") {
  const standIn = await import(byName) as Library;
  testClient(wsServer("Bun's ws server", standIn));
  testServer(wsClient("Bun's ws client", standIn));
}
