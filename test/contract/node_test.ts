import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { spawn } from "node:child_process";
import { nodeRuntime } from "../../runtimes/node/runtime.ts";
import { runtime, test } from "../support/test.ts";
import type { Listener, Transport } from "../../src/transport/transport.ts";
import { Peer } from "./peer.ts";
import { networkSuite, tcp, tlsWire } from "./network_suite.ts";
import { unixSuite } from "./unix_suite.ts";

networkSuite("nodeRuntime", nodeRuntime, undefined);
const wire = await tlsWire();
networkSuite("nodeRuntime with TLS", nodeRuntime, undefined, wire);
unixSuite("nodeRuntime", nodeRuntime, undefined);

const skip = runtime === "node" ? undefined : "needs Node's own sockets";

/** A listener, and the first transport that it accepts. */
async function listen(
  options = tcp.listen,
): Promise<{ listener: Listener; accepted: Promise<Transport> }> {
  let accept!: (transport: Transport) => void;
  const accepted = new Promise<Transport>((resolve) => accept = resolve);
  const listener = await nodeRuntime.listen(options, accept);
  return { listener, accepted };
}

// Both would work without it, and slowly: this tells when a Node no longer lets read_buffer.ts do its work.
for (const [what, { listen: options, dial }] of [["", tcp], [" with TLS", wire]] as const) {
  test(
    `nodeRuntime${what} lends what it reads, and reads into the room of its sink, on both ends`,
    async () => {
      const { listener, accepted } = await listen(options);
      const a = new Peer(await nodeRuntime.dial(listener.address, dial));
      const b = new Peer(await accepted);
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
    { skip },
  );
}

test(
  "nodeRuntime lets others have their turn while a peer sends without end",
  async () => {
    // As it comes, or each time after a pause, as for a consumer that takes a while.
    for (const pauses of [false, true]) {
      const { listener, accepted } = await listen();
      const child = spawn("node", ["-e", SENDING, String(listener.address.port)]);
      const transport = await accepted;
      let inTurn = 0;
      let most = 0;
      let total = 0;
      const turn = (): void => {
        inTurn = 0;
        if (total < 1 << 28) setImmediate(turn);
      };
      const room = new Uint8Array(1 << 18);
      await new Promise<void>((resolve) => {
        const data = ({ length }: Uint8Array): boolean => {
          total += length;
          inTurn += length;
          most = Math.max(most, inTurn);
          if (total >= 1 << 28) resolve();
          if (pauses) {
            transport.pause();
            queueMicrotask(() => transport.resume());
          }
          return true;
        };
        transport.sink = { room, data, end() {}, drain() {}, closed() {} };
        setImmediate(turn);
        transport.resume();
      });
      child.kill();
      transport.destroy();
      await listener.close();
      assertLessOrEqual(most, (2 << 20) + room.length);
    }
  },
  { skip },
);

const SENDING = `
  const socket = require("node:net").connect(Number(process.argv[1]), "127.0.0.1");
  const bytes = Buffer.alloc(1 << 20);
  const send = () => { while (socket.write(bytes)); };
  socket.on("drain", send).on("connect", send).on("error", () => {});
`;
