// Turns are counted in microtasks and in turns of the event loop, so no verdict depends on time.

import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import { extendTurn, flushAtLoopEnd, flushAtTurnEnd } from "../../src/connection/turn.ts";
import { test } from "../support/test.ts";

/** Lets microtasks go round until `done`, at most `most` times; returns how often, -1 if never. */
async function roundsUntil(done: () => boolean, most = 2000, each = () => {}): Promise<number> {
  for (let rounds = 0; rounds < most; rounds++) {
    if (done()) return rounds;
    each();
    await null;
  }
  return -1;
}

/** Lets what was due at the end of this turn of the event loop happen. */
function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function recorder(log: string[], name: string): { flush(): void } {
  return { flush: () => void log.push(name) };
}

test("flushAtTurnEnd flushes once, and not before the running code is done", async () => {
  const log: string[] = [];
  flushAtTurnEnd(recorder(log, "a"));
  assertEquals(log, []);
  const rounds = await roundsUntil(() => log.length > 0);
  assert(rounds > 0 && rounds < 50, `${rounds} rounds`);
  assertEquals(await roundsUntil(() => log.length > 1, 600), -1);
  assertEquals(log, ["a"]);
});

test("flushAtTurnEnd flushes all that wait in one turn, in order", async () => {
  const log: string[] = [];
  for (const name of ["a", "b", "c"]) flushAtTurnEnd(recorder(log, name));
  await roundsUntil(() => log.length > 0);
  assertEquals(log, ["a", "b", "c"]);
});

test("flushAtTurnEnd spans the awaits of a consumer that goes on sending", async () => {
  const log: string[] = [];
  flushAtTurnEnd(recorder(log, "a"));
  for (let message = 0; message < 20; message++) {
    await null;
    await null;
    await null;
    await null;
    extendTurn();
  }
  assertEquals(log, []);
  await roundsUntil(() => log.length > 0);
  assertEquals(log, ["a"]);
});

test("flushAtTurnEnd of another target extends the turn of the first", async () => {
  const log: string[] = [];
  flushAtTurnEnd(recorder(log, "a"));
  for (const name of ["b", "c", "d"]) {
    for (let i = 0; i < 6; i++) await null;
    flushAtTurnEnd(recorder(log, name));
  }
  assertEquals(log, []);
  await roundsUntil(() => log.length > 0);
  assertEquals(log, ["a", "b", "c", "d"]);
});

test("extendTurn cannot hold a turn open without end", async () => {
  const log: string[] = [];
  flushAtTurnEnd(recorder(log, "a"));
  const rounds = await roundsUntil(() => log.length > 0, 2000, extendTurn);
  assert(rounds >= 100 && rounds <= 600, `${rounds} rounds`);
});

test("extendTurn with nothing to flush does nothing", async () => {
  const log: string[] = [];
  extendTurn();
  flushAtTurnEnd(recorder(log, "a"));
  const rounds = await roundsUntil(() => log.length > 0);
  assert(rounds > 0 && rounds < 50, `${rounds} rounds`);
});

test("flushAtTurnEnd takes a target again from inside its flush", async () => {
  const log: string[] = [];
  const target = {
    flush() {
      log.push("again");
      if (log.length < 3) flushAtTurnEnd(target);
    },
  };
  flushAtTurnEnd(target);
  await roundsUntil(() => log.length === 3);
  assertEquals(await roundsUntil(() => log.length > 3, 300), -1);
  assertEquals(log, ["again", "again", "again"]);
});

test("flushAtTurnEnd begins each turn anew after a long one", async () => {
  const log: string[] = [];
  flushAtTurnEnd(recorder(log, "long"));
  await roundsUntil(() => log.length > 0, 2000, extendTurn);
  flushAtTurnEnd(recorder(log, "short"));
  for (let i = 0; i < 5; i++) await null;
  assertEquals(log, ["long"]);
  await roundsUntil(() => log.length > 1);
  assertEquals(log, ["long", "short"]);
});

test("flushAtLoopEnd flushes once, in order, and not before all microtasks are done", async () => {
  const log: string[] = [];
  for (const name of ["a", "b"]) flushAtLoopEnd(recorder(log, name));
  assertEquals(await roundsUntil(() => log.length > 0), -1);
  flushAtLoopEnd(recorder(log, "c"));
  await turnOfLoop();
  assertEquals(log, ["a", "b", "c"]);
  await turnOfLoop();
  assertEquals(log, ["a", "b", "c"]);
});

test("flushAtLoopEnd takes a target again from inside its flush", async () => {
  const log: string[] = [];
  const target = {
    flush() {
      log.push("again");
      if (log.length < 3) flushAtLoopEnd(target);
    },
  };
  flushAtLoopEnd(target);
  for (let i = 0; i < 5; i++) await turnOfLoop();
  assertEquals(log, ["again", "again", "again"]);
});
