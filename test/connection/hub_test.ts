import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { decodeHex } from "@std/encoding";
import type { Endpoint } from "../../src/connection/endpoint.ts";
import { type CloseInfo, ConnectionClosed } from "../../src/protocol/errors.ts";
import { Hub } from "../../src/connection/hub.ts";
import type { MessageTaker } from "../../src/connection/message_taker.ts";
import { discardRest, MessageStream } from "../../src/connection/message_stream.ts";
import type { Outbox } from "../../src/connection/outbox.ts";
import { isPending, settled } from "../support/connections.ts";
import { closeInfo } from "../support/close_info.ts";
import { test } from "../support/test.ts";

const info = closeInfo({ code: 1006, wasClean: false });

interface FakeEndpoint {
  info: CloseInfo | undefined;
  finished: boolean;
  intake: { dropsExcess: boolean; ignored: number };
  open: boolean;
  streamFrom: number;
  readonly calls: string[];
}

/** An hub with as much of an endpoint as it uses. */
function setUp(): { hub: Hub; endpoint: FakeEndpoint; close(): void } {
  const calls: string[] = [];
  const endpoint = {
    calls,
    info: undefined as CloseInfo | undefined,
    finished: false,
    intake: { dropsExcess: false, ignored: 0 },
    open: true,
    streamFrom: Infinity,
    proceed: () => calls.push("proceed"),
    hold: () => calls.push("hold"),
    control: (kind: string, payload: Uint8Array) => calls.push(`${kind} ${payload}`),
    whyNotOpen: () => new ConnectionClosed(info),
  };
  const hub = new Hub();
  const close = (): void => {
    endpoint.info = info;
    endpoint.finished = true;
    hub.closed(info);
    hub.finished(info, undefined);
  };
  hub.endpoint = endpoint as unknown as Endpoint;
  return { hub, endpoint, close };
}

/** Whoever takes messages, with what a test wants of it. */
function taker(given: Partial<MessageTaker>): MessageTaker {
  return {
    claim: undefined,
    message: () => true,
    stream: () => true,
    busy: () => false,
    ...given,
  };
}

test("Hub receive() asks for a message, and gets it", async () => {
  const { hub, endpoint } = setUp();
  const received = hub.receive();
  assertEquals(endpoint.calls, ["proceed"]);
  assertEquals(hub.message(""), false);
  assertEquals(await received, "");
});

test("Hub message() goes to the receivers in order, and asks for more while some wait", async () => {
  const { hub } = setUp();
  const received = Promise.all([hub.receive(), hub.receive()]);
  assertEquals([hub.message("1"), hub.message("2")], [true, false]);
  assertEquals(await received, ["1", "2"]);
});

test("Hub message() goes to the hook when there is one", () => {
  const { hub } = setUp();
  const seen: unknown[] = [];
  hub.taker = taker({ message: (data) => seen.push(data) < 2 });
  assertEquals([hub.message("1"), hub.message("2")], [true, false]);
  assertEquals(seen, ["1", "2"]);
});

test("Hub receive() and sendPing() reject after the end", async () => {
  const { hub, endpoint, close } = setUp();
  endpoint.open = false;
  close();
  for (const act of [() => hub.receive(), () => hub.sendPing(new Uint8Array())]) {
    const error = await assertRejects(act, ConnectionClosed);
    assertStrictEquals(error.info, info);
  }
  assertEquals(endpoint.calls, []);
});

test("Hub closed() and finished() reject all that wait, and whenClosed resolves", async () => {
  const { hub, close } = setUp();
  const waiting = [hub.receive(), hub.receive(), hub.sendPing(new Uint8Array(1))];
  close();
  for (const promise of waiting) await assertRejects(() => promise, ConnectionClosed);
  assertStrictEquals(await hub.whenClosed, info);
});

test("Hub pong() answers its Ping and those sent before (RFC 6455 5.5.3)", async () => {
  const { hub, endpoint } = setUp();
  const pings = ["01", "02", "03"].map((hex) => hub.sendPing(decodeHex(hex)));
  assertEquals(endpoint.calls, ["ping 1", "ping 2", "ping 3"]);
  hub.pong(decodeHex("02"));
  assert(await pings[0]! >= 0 && await pings[1]! >= 0);
  assertEquals(await isPending(pings[2]!), true);
  hub.pong(decodeHex("03"));
  assert(await pings[2]! >= 0);
});

test("Hub pong() that nobody asked for is ignored", async () => {
  const { hub } = setUp();
  const ping = hub.sendPing(decodeHex("0102"));
  for (const hex of ["", "01", "0103", "010203"]) hub.pong(decodeHex(hex));
  assertEquals(await isPending(ping), true);
  hub.pong(decodeHex("0102"));
  assert(await ping >= 0);
});

test("Hub sendPing() leaves the round trip with the endpoint", async () => {
  const { hub } = setUp();
  assertEquals(hub.endpoint.roundTrip, undefined);
  const ping = hub.sendPing(decodeHex("01"));
  hub.pong(decodeHex("01"));
  assertEquals(hub.endpoint.roundTrip, await ping);
});

test("Hub hooks are told of Pings, Pongs and drain", () => {
  const { hub } = setUp();
  const told: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    hub.ping(decodeHex("01"));
    hub.pong(decodeHex("02"));
    hub.drain();
    hub.hooks = {
      ping: (payload) => told.push("ping", payload),
      pong: (payload) => told.push("pong", payload),
      drain: () => told.push("drain"),
    };
  }
  assertEquals(told, ["ping", decodeHex("01"), "pong", decodeHex("02"), "drain"]);
});

test("Hub tells the outbox of its chances, and of the end", () => {
  const { hub } = setUp();
  const told: unknown[] = [];
  hub.refill(true);
  hub.outbox = {
    refill: (all: boolean) => told.push(all),
    closed: (info: CloseInfo) => told.push(info),
  } as unknown as Outbox;
  hub.refill(true);
  hub.refill(false);
  hub.closed(info);
  assertEquals(told, [true, false, info]);
});

test("Hub asks for chunks while the next receiver wants them", async () => {
  const { hub, endpoint } = setUp();
  const aims: number[] = [];
  const note = <T>(value: T): T => (aims.push(endpoint.streamFrom), value);
  const received = [note(hub.receive()), note(hub.receiveStream()), note(hub.receive())];
  assertEquals([note(hub.message("1")), note(hub.chunk("2", true))], [true, true]);
  assertEquals(note(hub.message("3")), false);
  assertEquals(aims, [Infinity, Infinity, Infinity, 0, Infinity, Infinity]);
  assertEquals(await received[0], "1");
  assert(await received[1] instanceof MessageStream);
  assertEquals(await received[2], "3");
});

test("Hub chunk() goes to the stream in progress, and asks for more while that is read", async () => {
  const { hub } = setUp();
  const received = hub.receiveStream();
  assertEquals(hub.chunk("a", false), false);
  const chunks = (await received)[Symbol.asyncIterator]();
  await chunks.next();
  const waiting = [chunks.next(), chunks.next()];
  assertEquals([hub.chunk("b", false), hub.chunk("c", false)], [true, false]);
  assertEquals((await Promise.all(waiting)).map(({ value }) => value), ["b", "c"]);
  assertEquals(hub.chunk("d", true), false);
  const next = hub.receiveStream();
  assertEquals(hub.chunk("e", true), false);
  assertEquals(await (await next).collect(), "e");
});

test("Hub chunk() goes to the hook, and behind its end waits until that is done", () => {
  const { hub } = setUp();
  let busy = true;
  const streams: MessageStream[] = [];
  hub.taker = taker({ stream: (stream) => streams.push(stream) === 1, busy: () => busy });
  assertEquals([hub.chunk("a", true), hub.chunk("b", true)], [true, false]);
  assertEquals(hub.chunk("c", false), false);
  assertEquals(hub.chunk("d", true), false);
  hub.chunk("e", false);
  busy = false;
  discardRest(streams.at(-1)!);
  assertEquals([hub.chunk("f", false), hub.chunk("g", true)], [true, true]);
  assertEquals(streams.length, 4);
});

test("Hub finished() fails the stream in progress", async () => {
  const { hub, close } = setUp();
  const received = hub.receiveStream();
  hub.chunk(decodeHex("01"), false);
  close();
  await assertRejects(async () => await (await received).collect(), ConnectionClosed);
});

test("Hub receive(signal) that fires takes itself out, and only itself", async () => {
  const { hub, endpoint } = setUp();
  const controllers = [new AbortController(), new AbortController(), new AbortController()];
  const received = controllers.map(({ signal }) => hub.receive(signal));
  const [first, second, third] = controllers;
  second?.abort("second");
  assertEquals(await received[1]?.catch((reason) => reason), "second");
  assertEquals(endpoint.calls.includes("hold"), false);
  hub.message("1");
  assertEquals(await received[0], "1");
  first?.abort("too late");
  third?.abort("third");
  assertEquals(await received[2]?.catch((reason) => reason), "third");
  assertEquals(endpoint.calls, ["proceed", "proceed", "proceed", "hold"]);
});

test("Hub receive(signal) that has fired asks for nothing", async () => {
  const { hub, endpoint } = setUp();
  const reason = new Error("before");
  const error = await assertRejects(() => hub.receive(AbortSignal.abort(reason)));
  assertStrictEquals(error, reason);
  assertEquals(endpoint.calls, []);
});

test("Hub receive(signal) removes its listener, however it ends", async () => {
  for (const end of ["message", "abort", "closed"] as const) {
    const { hub, close } = setUp();
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = new Set<unknown>();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (type: string, listener: EventListener) => {
      listeners.add(listener);
      add(type, listener);
    };
    signal.removeEventListener = (type: string, listener: EventListener) => {
      listeners.delete(listener);
      remove(type, listener);
    };
    const received = hub.receive(signal);
    assertEquals(listeners.size, 1);
    if (end === "message") hub.message("");
    else if (end === "abort") controller.abort();
    else close();
    await received.catch(() => {});
    await settled();
    assertEquals(listeners.size, 0);
  }
});
