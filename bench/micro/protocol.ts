// Chunks in, events out, replies back: all of the core, without a socket. And the turn.

import { bench, do_not_optimize, group } from "mitata";
import { Protocol } from "../../src/core.ts";
import { flushAtTurnEnd } from "../../src/turn.ts";
import { createTrains } from "../generator/train.ts";
import { scenarioOf } from "../scenarios.ts";

group("Protocol", () => {
  for (const name of ["echo-64x1-20", "echo-64x32-20", "echo-64x32-1k", "utf8-64x32-1k"]) {
    const scenario = scenarioOf(name);
    const { bytes, starts } = createTrains(scenario, false).outgoing;
    const chunk = new Uint8Array(bytes.subarray(0, starts[scenario.depth]));
    const protocol = new Protocol("server", { maxMessageSize: 1 << 20, maxFragments: 1 << 17 });
    protocol.holding = false;
    const title = `${scenario.depth} × ${scenario.size} B of ${scenario.kind}`;
    bench(`Protocol echoes ${title}`, () => {
      // A chunk is the protocol's own and is unmasked in place: each time it needs a fresh one.
      protocol.receive(chunk.slice());
      while (protocol.nextEvent() === "message") protocol.send(protocol.data);
      while (protocol.output.take() !== undefined);
    });
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
