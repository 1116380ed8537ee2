import { assertEquals } from "@std/assert";
import { WaitGroup } from "../../src/server/wait_group.ts";
import { isPending } from "../support/connections.ts";
import { test } from "../support/test.ts";

test("WaitGroup whenEmpty() resolves when the last has left", async () => {
  const group = new WaitGroup();
  await group.whenEmpty();
  const two = new WaitGroup();
  two.enter();
  two.enter();
  const empty = two.whenEmpty();
  two.leave();
  assertEquals(await isPending(empty), true);
  two.leave();
  await empty;
});
