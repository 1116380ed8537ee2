// What is remembered of messages of `ws.publish()` that come back from the broker.

import { assertEquals } from "@std/assert";
import type { Dispatcher } from "../../src/connection/dispatcher.ts";
import { Counter } from "../../src/topics/counters.ts";
import { Excepted } from "../../src/topics/excepted.ts";
import { test } from "../support/test.ts";

test("what never comes back is bounded, however many topics there are, and the oldest goes", () => {
  const excepted = new Excepted(() => true);
  const dispatcher = {} as Dispatcher;
  const counter = (generation: number): Counter =>
    Object.assign(new Counter(`t:${generation}`, generation), { sequence: 1 });
  for (let generation = 1; generation <= 100_001; generation++) {
    excepted.add("t", counter(generation), dispatcher);
  }
  assertEquals(excepted.size, 100_000);
  const take = (generation: number) => excepted.take({ generation, sequence: 1 });
  assertEquals([take(1), take(2), take(2)], [undefined, dispatcher, undefined]);
  assertEquals(excepted.size, 99_999);
});

test("nothing is remembered of a topic without the broker's order: it does not come back", () => {
  const excepted = new Excepted((topic) => topic.startsWith("auction:"));
  const counter = Object.assign(new Counter("t", 1), { sequence: 1 });
  excepted.add("chat", counter, {} as Dispatcher);
  assertEquals(excepted.size, 0);
  excepted.add("auction:1", counter, {} as Dispatcher);
  assertEquals(excepted.size, 1);
});
