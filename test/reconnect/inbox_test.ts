import { assertEquals, assertRejects } from "@std/assert";
import { Inbox } from "../../src/reconnect/inbox.ts";
import { test } from "../support/test.ts";
import { FakeConnection } from "./fake_connection.ts";

test("Inbox gives messages in order over all connections", async () => {
  const inbox = new Inbox();
  const early = [inbox.receive(undefined), inbox.receive(undefined)];
  const one = new FakeConnection();
  one.arrive("1");
  inbox.opened(one);
  assertEquals(await early[0], "1");
  one.arrive("2");
  assertEquals(await early[1], "2");
  one.arrive("3");
  one.arrive("4");
  const third = inbox.receive(undefined);
  one.end();
  await inbox.lost(one);
  const two = new FakeConnection();
  two.arrive("5");
  inbox.opened(two);
  assertEquals(
    [await third, await inbox.receive(undefined), await inbox.receive(undefined)],
    ["3", "4", "5"],
  );
});

test("Inbox takes no message that nothing waits for from a connection that is open", async () => {
  const inbox = new Inbox();
  const one = new FakeConnection();
  inbox.opened(one);
  for (const message of ["1", "2", "3"]) one.arrive(message);
  assertEquals(await inbox.receive(undefined), "1");
  await Promise.resolve();
  assertEquals(await one.receive(), "2");
});

test("Inbox leaves a message for the next call when a signal fires", async () => {
  const inbox = new Inbox();
  const one = new FakeConnection();
  inbox.opened(one);
  const controller = new AbortController();
  const given = inbox.receive(controller.signal);
  controller.abort(new Error("no more time"));
  await assertRejects(() => given, Error, "no more time");
  await assertRejects(() => inbox.receive(controller.signal), Error, "no more time");
  one.arrive("1");
  assertEquals(await inbox.receive(undefined), "1");
});

test("Inbox keeps the order where a signal has fired before a message came", async () => {
  const inbox = new Inbox();
  const one = new FakeConnection();
  inbox.opened(one);
  const controller = new AbortController();
  const given = inbox.receive(controller.signal);
  controller.abort(new Error("no more time"));
  await assertRejects(() => given, Error, "no more time");
  const first = inbox.receive(undefined);
  const second = inbox.receive(new AbortController().signal);
  const third = inbox.receive(undefined);
  for (const message of ["1", "2", "3", "4"]) one.arrive(message);
  assertEquals(await Promise.all([first, second, third]), ["1", "2", "3"]);
  assertEquals(await inbox.receive(undefined), "4");
});

test("Inbox keeps at most 1 MiB of connections that have ended, and counts what it discards", async () => {
  const inbox = new Inbox();
  for (let i = 0; i < 40; i++) {
    const one = new FakeConnection();
    inbox.opened(one);
    one.arrive(new Uint8Array(65_520).fill(i));
    one.end();
    await inbox.lost(one);
  }
  assertEquals(inbox.discarded, 24);
  assertEquals((await inbox.receive(undefined))[0] as unknown, 24);
  const one = new FakeConnection();
  inbox.opened(one);
  one.arrive(new Uint8Array(2_000_000));
  one.end();
  await inbox.lost(one);
  // The newest always stays.
  assertEquals([inbox.discarded, (await inbox.receive(undefined)).length], [39, 2_000_000]);
});

test("Inbox gives out what it has after the end, then rejects", async () => {
  const inbox = new Inbox();
  const one = new FakeConnection();
  inbox.opened(one);
  one.arrive("1");
  one.end();
  await inbox.lost(one);
  const waiting = [inbox.receive(undefined), inbox.receive(undefined)];
  inbox.end(new Error("over"));
  assertEquals(await waiting[0], "1");
  await assertRejects(() => waiting[1]!, Error, "over");
  await assertRejects(() => inbox.receive(undefined), Error, "over");
});
