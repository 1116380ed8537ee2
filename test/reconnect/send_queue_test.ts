import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionClosed, MessageRefused } from "@sansocket/ws";
import { createClock } from "@sansocket/ws/testing";
import { type Outgoing, type QueueSettings, SendQueue } from "../../src/reconnect/send_queue.ts";
import { test } from "../support/test.ts";
import { FakeConnection } from "./fake_connection.ts";

/** A message of so many octets counts 100 with its overhead of 16. */
const OCTETS = 84;

function message(data: string): Outgoing {
  return { data, options: undefined, size: OCTETS };
}

function chunks(data: string): Outgoing {
  return { data: [data], options: undefined, size: undefined };
}

function make(settings: Partial<QueueSettings> = {}) {
  const clock = createClock();
  const all = { queue: "wait", maxQueuedAmount: 300, resend: false, ...settings } as const;
  const queue = new SendQueue(all, clock.source);
  const counts = () => [queue.sent, queue.dropped, queue.unconfirmed, queue.refused];
  return { clock, queue, counts };
}

/** Whether a promise has settled, and how. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const waits = Symbol();
  // Some turns of the microtask queue.
  let last: Promise<unknown> = Promise.resolve(waits);
  for (let i = 0; i < 5; i++) last = last.then((value) => value);
  return await Promise.race([promise, last]).then(
    (value) => value === waits ? "waits" : "resolved",
    (error) => (error as { code?: string }).code ?? "rejected",
  );
}

test("SendQueue keeps messages for the next connection, up to the mark and twice the mark", async () => {
  const { queue, counts } = make();
  const sends = ["1", "2", "3", "4", "5", "6"].map((data) => queue.send(message(data)));
  const more = queue.send(message("7"));
  assertEquals(await Promise.all([...sends, more].map(stateOf)), [
    "resolved",
    "resolved",
    "resolved",
    "waits",
    "waits",
    "waits",
    "ENOBUFS",
  ]);
  const error = await assertRejects(() => more, MessageRefused, "600 octets wait already");
  assertEquals(error.code, "ENOBUFS");
  assertEquals([queue.size, counts()], [600, [0, 0, 0, 1]]);
  const one = new FakeConnection();
  queue.opened(one);
  assertEquals(one.got, ["1", "2", "3", "4", "5", "6"]);
  assertEquals(await Promise.all(sends.map(stateOf)), sends.map(() => "resolved"));
  assertEquals([queue.size, counts()], [0, [6, 0, 0, 1]]);
});

test("SendQueue drops the oldest or the newest, and counts it", async () => {
  for (
    const [policy, kept] of [["drop-oldest", ["3", "4", "5"]], ["drop-newest", ["1", "2", "3"]]]
  ) {
    const { queue, counts } = make({ queue: policy as QueueSettings["queue"] });
    const sends = ["1", "2", "3", "4", "5"].map((data) => queue.send(message(data)));
    assertEquals(await Promise.all(sends.map(stateOf)), sends.map(() => "resolved"));
    await queue.send({ data: "large", options: undefined, size: 300 });
    const one = new FakeConnection();
    queue.opened(one);
    // A message that is larger than all that may wait drops nothing but itself.
    assertEquals([one.got, counts()], [kept, [3, 3, 0, 0]]);
  }
});

test("SendQueue refuses everything without a connection, where it is to", async () => {
  const { queue, counts } = make({ queue: "refuse" });
  await assertRejects(() => queue.send(message("1")), MessageRefused, "no connection");
  const one = new FakeConnection();
  queue.opened(one);
  await queue.send(message("2"));
  queue.lost(one.end(true));
  assertEquals(await stateOf(queue.send(message("3"))), "ENOTCONN");
  assertEquals([one.got, counts()], [["2"], [1, 0, 0, 2]]);
});

test("SendQueue refuses chunks without a connection, also those that wait for their turn", async () => {
  const { queue, counts } = make();
  assertEquals(await stateOf(queue.send(chunks("0"))), "ENOTCONN");
  const one = new FakeConnection();
  one.slow = true;
  queue.opened(one);
  const first = queue.send(chunks("1"));
  const second = queue.send(chunks("2"));
  const third = queue.send(message("3"));
  assertEquals(await Promise.all([first, second, third].map(stateOf)), [
    "waits",
    "waits",
    "resolved",
  ]);
  assertEquals(one.got, [["1"]]);
  one.sends[0]!.resolve();
  assertEquals(await stateOf(first), "resolved");
  assertEquals(one.got, [["1"], ["2"]]);
  queue.lost(one.end());
  one.sends[1]!.reject(new Error("gone"));
  assertEquals(await stateOf(second), "rejected");
  assertEquals(counts(), [1, 0, 1, 2]);
  const two = new FakeConnection();
  queue.opened(two);
  assertEquals([two.got, counts()], [["3"], [2, 0, 1, 2]]);
});

test("SendQueue gives a connection no more than 64 KiB at a time", async () => {
  const { queue } = make({ maxQueuedAmount: 10_000_000 });
  const one = new FakeConnection();
  one.slow = true;
  one.bufferedAmount = 65_536;
  queue.opened(one);
  for (let i = 0; i < 5; i++) queue.send({ data: `${i}`, options: undefined, size: 40_000 });
  assertEquals(one.got, []);
  await Promise.resolve();
  assertEquals(queue.size, 5 * 40_016);
});

test("SendQueue looks again at a connection that others keep busy", async () => {
  const { queue, clock } = make();
  const one = new FakeConnection();
  one.bufferedAmount = 70_000;
  queue.opened(one);
  await queue.send(message("1"));
  await clock.advance(50);
  assertEquals(one.got, []);
  one.bufferedAmount = 0;
  await clock.advance(50);
  assertEquals(one.got, ["1"]);
  assert(queue.empty);
});

test("SendQueue goes on when a connection has sent what it had", async () => {
  const { queue } = make();
  const one = new FakeConnection();
  queue.opened(one);
  one.slow = true;
  one.bufferedAmount = 65_535;
  const send = one.send.bind(one);
  one.send = (data) => {
    one.bufferedAmount = 66_000;
    return send(data);
  };
  const first = queue.send(message("1"));
  const second = queue.send(message("2"));
  assertEquals([one.got, await stateOf(first), await stateOf(second)], [
    ["1"],
    "waits",
    "resolved",
  ]);
  one.bufferedAmount = 0;
  one.sends[0]!.resolve();
  assertEquals([await stateOf(first), one.got], ["resolved", ["1", "2"]]);
});

test("SendQueue counts what a lost connection may not have delivered", async () => {
  const { queue, counts } = make();
  const one = new FakeConnection();
  queue.opened(one);
  await queue.send(message("1"));
  await queue.send(message("2"));
  const answered = queue.mark(one);
  await queue.send(message("3"));
  answered();
  queue.lost(one.end());
  assertEquals(counts(), [3, 0, 1, 0]);
  const two = new FakeConnection();
  queue.opened(two);
  await queue.send(message("4"));
  // Late, and of another connection.
  answered();
  queue.lost(two.end(true));
  assertEquals(counts(), [4, 0, 1, 0]);
});

test("SendQueue takes an answer to a Ping within a message in chunks for none to that message", async () => {
  const { queue, counts } = make();
  const one = new FakeConnection();
  queue.opened(one);
  await queue.send(message("1"));
  one.slow = true;
  const sent = queue.send(chunks("2"));
  queue.mark(one)();
  queue.lost(one.end());
  one.sends[0]!.reject(new Error("gone"));
  await assertRejects(() => sent, Error, "gone");
  assertEquals(counts(), [1, 0, 0, 1]);
});

test("SendQueue confirms nothing by a Close frame of the peer, nor by one that crossed with its own", async () => {
  const closes = [
    [{ initiator: "local" }, 0],
    [{ initiator: "remote" }, 1],
    [
      {
        initiator: "local",
        sent: { code: 1000, reason: "" },
        received: { code: 1001, reason: "" },
      },
      1,
    ],
    [
      {
        initiator: "local",
        sent: { code: 1000, reason: "" },
        received: { code: 1000, reason: "" },
      },
      0,
    ],
    [{ initiator: "local", wasClean: false }, 1],
  ] as const;
  for (const [how, unconfirmed] of closes) {
    const { queue, counts } = make();
    const one = new FakeConnection();
    queue.opened(one);
    await queue.send(message("1"));
    queue.lost({ ...one.end(true), ...how });
    assertEquals([how, counts()], [how, [1, 0, unconfirmed, 0]]);
  }
});

test("SendQueue sends a Ping a second after a message, until all are confirmed", async () => {
  const { queue, clock, counts } = make();
  const one = new FakeConnection();
  let pings = 0;
  one.ping = () => {
    pings++;
    const answered = queue.mark(one);
    return new Promise((resolve) =>
      one.pings.push(() => {
        answered();
        resolve(1);
      })
    );
  };
  queue.opened(one);
  await queue.send(message("1"));
  await clock.advance(999);
  assertEquals(pings, 0);
  await clock.advance(1);
  assertEquals(pings, 1);
  await queue.send(message("2"));
  one.pings.shift()!();
  await clock.advance(1_000);
  assertEquals(pings, 2);
  one.pings.shift()!();
  await clock.advance(10_000);
  assertEquals(pings, 2);
  queue.lost(one.end());
  assertEquals(counts(), [2, 0, 0, 0]);
  await clock.advance(10_000);
  assertEquals(clock.pending, []);
});

test("SendQueue sends again what was not confirmed, in order and before what waits", async () => {
  const { queue, counts } = make({ resend: true, maxQueuedAmount: 500 });
  const one = new FakeConnection();
  const answers: (() => void)[] = [];
  one.ping = () => {
    const answered = queue.mark(one);
    return new Promise((resolve) =>
      answers.push(() => {
        answered();
        resolve(1);
      })
    );
  };
  queue.opened(one);
  const bytes = new Uint8Array([1, 2, 3]);
  await queue.send({ data: bytes, options: undefined, size: 3 });
  bytes.fill(9);
  await queue.send(message("2"));
  assertEquals([answers.length, one.got.length], [1, 2]);
  // Confirms the first, and a Ping for the second follows.
  answers.shift()!();
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(answers.length, 1);
  await queue.send(message("3"));
  queue.lost(one.end());
  await queue.send(message("4"));
  assertEquals([queue.size, counts()], [300, [1, 0, 0, 0]]);
  const two = new FakeConnection();
  queue.opened(two);
  assertEquals([two.got, counts()], [["2", "3", "4"], [4, 0, 0, 0]]);
  queue.lost(two.end(true));
  assertEquals([queue.size, counts()], [0, [4, 0, 0, 0]]);
});

test("SendQueue hands over no more than it may keep copies of", async () => {
  const { queue, counts } = make({ resend: true });
  const one = new FakeConnection();
  queue.opened(one);
  const sends = ["1", "2", "3", "4"].map((data) => queue.send(message(data)));
  assertEquals(one.got, ["1", "2", "3"]);
  assertEquals(await stateOf(sends[3]!), "waits");
  const answered = queue.mark(one);
  answered();
  assertEquals([await stateOf(sends[3]!), one.got, queue.size], [
    "resolved",
    ["1", "2", "3", "4"],
    100,
  ]);
  assertEquals(counts(), [4, 0, 0, 0]);
});

test("SendQueue has a sender wait for a copy that alone is above the mark", async () => {
  const { queue, counts } = make({ resend: true });
  const one = new FakeConnection();
  queue.opened(one);
  const large = { data: "large", options: undefined, size: 1_000 };
  const sends = [queue.send(large), queue.send(message("2"))];
  assertEquals([one.got, await stateOf(sends[0]!), await stateOf(sends[1]!)], [
    ["large"],
    "waits",
    "ENOBUFS",
  ]);
  queue.mark(one)();
  assertEquals([await stateOf(sends[0]!), queue.size, counts()], ["resolved", 0, [1, 0, 0, 1]]);
  // Lost, it waits for the next connection, and so does its sender.
  const again = queue.send(large);
  queue.lost(one.end());
  assertEquals([await stateOf(again), queue.size], ["waits", 1_016]);
  const two = new FakeConnection();
  queue.opened(two);
  assertEquals([two.got, await stateOf(again)], [["large"], "waits"]);
  queue.mark(two)();
  assertEquals([await stateOf(again), queue.size, counts()], ["resolved", 0, [2, 0, 0, 1]]);
});

test("SendQueue says what to do with a message that is larger than all that may wait", async () => {
  const { queue } = make();
  const large = { data: "large", options: undefined, size: 1_000 };
  await assertRejects(
    () => queue.send(large),
    MessageRefused,
    "The message takes 1016 octets, and maxQueuedAmount is 300: raise it, or send smaller messages",
  );
});

test("SendQueue counts a copy that is not sent again as unconfirmed, not as never sent", async () => {
  const { queue, counts } = make({ resend: true, queue: "drop-oldest" });
  const one = new FakeConnection();
  queue.opened(one);
  for (const data of ["1", "2"]) await queue.send(message(data));
  queue.lost(one.end());
  assertEquals(counts(), [0, 0, 0, 0]);
  for (const data of ["3", "4"]) await queue.send(message(data));
  assertEquals(counts(), [1, 0, 1, 0]);
  queue.end(one.info(false));
  assertEquals([queue.size, counts()], [0, [2, 2, 2, 0]]);
});

test("SendQueue drops what waits at the end, and refuses what comes later", async () => {
  const { queue, counts } = make();
  const sends = ["1", "2", "3", "4"].map((data) => queue.send(message(data)));
  queue.end(new FakeConnection().info(false));
  await assertRejects(() => sends[3]!, ConnectionClosed);
  await assertRejects(() => queue.send(message("5")), ConnectionClosed);
  assertEquals([queue.size, counts()], [0, [0, 4, 0, 1]]);
});

test("SendQueue owns what waits", async () => {
  const { queue } = make();
  const bytes = new Uint8Array([1, 2, 3]);
  await queue.send({ data: bytes, options: undefined, size: 3 });
  bytes.fill(0);
  const one = new FakeConnection();
  queue.opened(one);
  assertEquals(one.got, [new Uint8Array([1, 2, 3])]);
});
