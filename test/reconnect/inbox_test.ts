import { assertEquals, assertRejects } from "@std/assert";
import { Inbox } from "../../src/reconnect/inbox.ts";
import { systemClock } from "../../src/util/clock.ts";
import { test } from "../support/test.ts";
import { FakeConnection } from "./fake_connection.ts";

test("Inbox gives messages in order over all connections", async () => {
  const inbox = new Inbox(systemClock);
  const early = [inbox.receive(), inbox.receive()];
  const one = new FakeConnection();
  one.arrive("1");
  inbox.opened(one);
  assertEquals(await early[0], "1");
  one.arrive("2");
  assertEquals(await early[1], "2");
  one.arrive("3");
  one.arrive("4");
  const third = inbox.receive();
  one.end();
  await inbox.lost(one);
  const two = new FakeConnection();
  two.arrive("5");
  inbox.opened(two);
  assertEquals(
    [await third, await inbox.receive(), await inbox.receive()],
    ["3", "4", "5"],
  );
});

test("Inbox takes no message that nothing waits for from a connection that is open", async () => {
  const inbox = new Inbox(systemClock);
  const one = new FakeConnection();
  inbox.opened(one);
  for (const message of ["1", "2", "3"]) one.arrive(message);
  assertEquals(await inbox.receive(), "1");
  await Promise.resolve();
  assertEquals(await one.receive(), "2");
});

test("Inbox leaves a message for the next call when a signal fires", async () => {
  const inbox = new Inbox(systemClock);
  const one = new FakeConnection();
  inbox.opened(one);
  const controller = new AbortController();
  const given = inbox.receive({ signal: controller.signal });
  controller.abort(new Error("no more time"));
  await assertRejects(() => given, Error, "no more time");
  await assertRejects(() => inbox.receive({ signal: controller.signal }), Error, "no more time");
  one.arrive("1");
  assertEquals(await inbox.receive(), "1");
});

test("Inbox keeps the order where a signal has fired before a message came", async () => {
  const inbox = new Inbox(systemClock);
  const one = new FakeConnection();
  inbox.opened(one);
  const controller = new AbortController();
  const given = inbox.receive({ signal: controller.signal });
  controller.abort(new Error("no more time"));
  await assertRejects(() => given, Error, "no more time");
  const first = inbox.receive();
  const second = inbox.receive({ signal: new AbortController().signal });
  const third = inbox.receive();
  for (const message of ["1", "2", "3", "4"]) one.arrive(message);
  assertEquals(await Promise.all([first, second, third]), ["1", "2", "3"]);
  assertEquals(await inbox.receive(), "4");
});

test("Inbox keeps at most 1 MiB of connections that have ended, and counts what it discards", async () => {
  const inbox = new Inbox(systemClock);
  for (let i = 0; i < 40; i++) {
    const one = new FakeConnection();
    inbox.opened(one);
    one.arrive(new Uint8Array(65_520).fill(i));
    one.end();
    await inbox.lost(one);
  }
  assertEquals(inbox.discarded, 24);
  assertEquals((await inbox.receive())[0] as unknown, 24);
  const one = new FakeConnection();
  inbox.opened(one);
  one.arrive(new Uint8Array(2_000_000));
  one.end();
  await inbox.lost(one);
  // The newest always stays.
  assertEquals([inbox.discarded, (await inbox.receive()).length], [39, 2_000_000]);
});

test("Inbox gives out what it has after the end, then rejects", async () => {
  const inbox = new Inbox(systemClock);
  const one = new FakeConnection();
  inbox.opened(one);
  one.arrive("1");
  one.end();
  await inbox.lost(one);
  const waiting = [inbox.receive(), inbox.receive()];
  inbox.end(new Error("over"));
  assertEquals(await waiting[0], "1");
  await assertRejects(() => waiting[1]!, Error, "over");
  await assertRejects(() => inbox.receive(), Error, "over");
});

test("Inbox receive() with a timeout leaves the message to the next call", async () => {
  const timers: (() => void)[] = [];
  const clock = {
    ...systemClock,
    setTimer: (due: () => void) => timers.push(due),
    clearTimer: (timer: unknown) => void (timers[Number(timer) - 1] = () => {}),
  };
  const inbox = new Inbox(clock);
  const early = inbox.receive({ timeout: 1 });
  timers[0]!();
  assertEquals(await early, undefined);
  const one = new FakeConnection();
  inbox.opened(one);
  const late = inbox.receive({ timeout: 1 });
  timers[1]!();
  assertEquals(await late, undefined);
  const next = inbox.receive({ timeout: 1 });
  one.arrive("1");
  assertEquals(await next, "1");
  timers[2]!();
  one.arrive("2");
  assertEquals([inbox.unread, await inbox.receive(), inbox.unread], [1, "2", 0]);
});

test("Inbox unread counts what ended connections had, and what the one at hand has", async () => {
  const inbox = new Inbox(systemClock);
  const [one, two] = [new FakeConnection(), new FakeConnection()];
  inbox.opened(one);
  one.arrive("1");
  one.state = "closed";
  await inbox.lost(one);
  assertEquals(inbox.unread, 1);
  inbox.opened(two);
  two.arrive("2");
  assertEquals(inbox.unread, 2);
  assertEquals([await inbox.receive(), await inbox.receive(), inbox.unread], ["1", "2", 0]);
});
