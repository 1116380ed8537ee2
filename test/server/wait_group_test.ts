import { assertEquals } from "@std/assert";
import { Presence } from "../../src/server/wait_group.ts";
import { isPending } from "../support/connections.ts";
import { test } from "../support/test.ts";

test("Presence whenEmpty() resolves when the last has left", async () => {
  const presence = new Presence();
  await presence.whenEmpty();
  const two = new Presence();
  two.enter();
  two.enter();
  const empty = two.whenEmpty();
  two.leave();
  assertEquals(await isPending(empty), true);
  two.leave();
  await empty;
});
