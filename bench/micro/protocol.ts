// Chunks in, events out, replies back: all of the core, and all of a server's connection, without a socket. And the turn.

import { bench, do_not_optimize, group } from "mitata";
import { Protocol } from "../../src/core.ts";
import { establish } from "../../src/connection/establish.ts";
import { ConnectionGuard, createGuardSettings } from "../../src/guard/connection_guard.ts";
import { runHandler } from "../../src/connection/handler.ts";
import { resolveLimits } from "../../src/connection/limits.ts";
import { giveBack } from "../../src/util/slab.ts";
import type { Transport, TransportSink } from "../../src/transport/transport.ts";
import { flushAtTurnEnd } from "../../src/connection/turn.ts";
import { createTrains } from "../generator/train.ts";
import { scenarioOf } from "../scenarios.ts";

/** A socket that takes each batch at once. */
class Drain implements Transport {
  sink!: TransportSink;
  readonly borrows = true;
  readonly remoteAddress = undefined;
  readonly localAddress = undefined;
  readonly bufferedAmount = 0;
  write(chunk: Uint8Array<ArrayBuffer>): boolean {
    giveBack(chunk);
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

/** A server's connection whose handler echoes. */
function openEcho(): Drain {
  const transport = new Drain();
  const settings = createGuardSettings(undefined, () => performance.now());
  const result = { protocol: "", request: new Request("http://127.0.0.1/") };
  const established = establish(
    { role: "server", transport, rest: new Uint8Array(), compression: undefined, result },
    resolveLimits({}),
    undefined,
    new ConnectionGuard(settings),
  );
  const report = (error: unknown): never => {
    throw error;
  };
  runHandler({ message: (ws, data) => ws.send(data) }, established, { report, done() {} });
  return transport;
}

group("Protocol", () => {
  for (const name of ["echo-64x1-20", "echo-64x32-20", "echo-64x32-1k", "utf8-64x32-1k"]) {
    const scenario = scenarioOf(name);
    const { bytes, starts } = createTrains(scenario, false).outgoing;
    const chunk = new Uint8Array(bytes.subarray(0, starts[scenario.depth]));
    const protocol = new Protocol("server", { maxMessageSize: 1 << 20, maxFragments: 1 << 17 });
    const title = `${scenario.depth} × ${scenario.size} B of ${scenario.kind}`;
    bench(`Protocol echoes ${title}`, () => {
      // A chunk is the protocol's own and is unmasked in place: each time it needs a fresh one.
      protocol.receive(chunk.slice());
      while (protocol.nextEvent() === "message") protocol.send(protocol.data);
      while (protocol.output.take() !== undefined);
    });
    const transport = openEcho();
    bench(`A connection echoes ${title}`, () => transport.sink.data(chunk.slice()));
    bench(`  of which copying the chunk`, () => do_not_optimize(chunk.slice()));
  }
});

group("turn", () => {
  for (const receivers of [1, 500]) {
    const targets = Array.from({ length: receivers }, () => ({ flush: () => {} }));
    bench(`flushAtTurnEnd, ${receivers} of them`, async () => {
      const done = new Promise<void>((resolve) => targets[receivers - 1]!.flush = resolve);
      for (const target of targets) flushAtTurnEnd(target);
      await done;
    });
  }
});
