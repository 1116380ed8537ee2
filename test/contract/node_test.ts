import { assert, assertEquals } from "@std/assert";
import { nodeRuntime } from "../../runtimes/node/runtime.ts";
import { runtime, test } from "../support/test.ts";
import { Peer } from "./peer.ts";
import { networkSuite, tlsWire } from "./network_suite.ts";
import { unixSuite } from "./unix_suite.ts";

networkSuite("nodeRuntime", nodeRuntime, undefined);
networkSuite("nodeRuntime with TLS", nodeRuntime, undefined, await tlsWire());
unixSuite("nodeRuntime", nodeRuntime, undefined);

// Both would work without it, and slowly: this tells when a Node no longer lets read_buffer.ts do its work.
test(
  "nodeRuntime lends what it reads, and reads into the room of its sink, on both ends",
  async () => {
    const address = { hostname: "127.0.0.1", port: 0 };
    let accepted!: (peer: Peer) => void;
    const whenAccepted = new Promise<Peer>((resolve) => accepted = resolve);
    const listener = await nodeRuntime.listen(
      address,
      (transport) => accepted(new Peer(transport)),
    );
    const a = new Peer(await nodeRuntime.dial(listener.address, { signal: undefined }));
    const b = await whenAccepted;
    for (const [from, to] of [[a, b], [b, a]] as const) {
      from.resume();
      to.resume();
      from.write(new Uint8Array(1));
      to.onData = () => to.room ??= new Uint8Array(2);
      await to.until(() => to.received === 1);
      from.write(new Uint8Array(1));
      await to.until(() => to.received === 2);
      assertEquals([to.lent, to.inRoom], [1, 1]);
    }
    await Promise.all([a.finish(), b.finish()]);
    await listener.close();
    assert(a.closed && b.closed);
  },
  { skip: runtime === "node" ? undefined : "needs Node's own sockets" },
);
