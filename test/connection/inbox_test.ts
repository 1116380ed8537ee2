import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { decodeHex } from "@std/encoding";
import type { Endpoint } from "../../src/connection/endpoint.ts";
import { type CloseInfo, ConnectionClosed } from "../../src/protocol/errors.ts";
import { Inbox, type MessageTaker } from "../../src/connection/inbox.ts";
import { MessageStream } from "../../src/connection/message_stream.ts";
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

/** An inbox with as much of an endpoint as it uses. */
function setUp(): { inbox: Inbox; endpoint: FakeEndpoint; close(): void } {
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
  const inbox = new Inbox();
  const close = (): void => {
    endpoint.info = info;
    endpoint.finished = true;
    inbox.closed(info);
    inbox.finished(info, undefined);
  };
  inbox.endpoint = endpoint as unknown as Endpoint;
  return { inbox, endpoint, close };
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

test("Inbox receive() asks for a message, and gets it", async () => {
  const { inbox, endpoint } = setUp();
  const received = inbox.receive();
  assertEquals(endpoint.calls, ["proceed"]);
  assertEquals(inbox.message(""), false);
  assertEquals(await received, "");
});

test("Inbox message() goes to the receivers in order, and asks for more while some wait", async () => {
  const { inbox } = setUp();
  const received = Promise.all([inbox.receive(), inbox.receive()]);
  assertEquals([inbox.message("1"), inbox.message("2")], [true, false]);
  assertEquals(await received, ["1", "2"]);
});

test("Inbox message() goes to the hook when there is one", () => {
  const { inbox } = setUp();
  const seen: unknown[] = [];
  inbox.taker = taker({ message: (data) => seen.push(data) < 2 });
  assertEquals([inbox.message("1"), inbox.message("2")], [true, false]);
  assertEquals(seen, ["1", "2"]);
});

test("Inbox receive() and sendPing() reject after the end", async () => {
  const { inbox, endpoint, close } = setUp();
  endpoint.open = false;
  close();
  for (const act of [() => inbox.receive(), () => inbox.sendPing(new Uint8Array())]) {
    const error = await assertRejects(act, ConnectionClosed);
    assertStrictEquals(error.info, info);
  }
  assertEquals(endpoint.calls, []);
});

test("Inbox closed() and finished() reject all that wait, and whenClosed resolves", async () => {
  const { inbox, close } = setUp();
  const waiting = [inbox.receive(), inbox.receive(), inbox.sendPing(new Uint8Array(1))];
  close();
  for (const promise of waiting) await assertRejects(() => promise, ConnectionClosed);
  assertStrictEquals(await inbox.whenClosed, info);
});

test("Inbox pong() answers its Ping and those sent before (RFC 6455 5.5.3)", async () => {
  const { inbox, endpoint } = setUp();
  const pings = ["01", "02", "03"].map((hex) => inbox.sendPing(decodeHex(hex)));
  assertEquals(endpoint.calls, ["ping 1", "ping 2", "ping 3"]);
  inbox.pong(decodeHex("02"));
  assert(await pings[0]! >= 0 && await pings[1]! >= 0);
  assertEquals(await isPending(pings[2]!), true);
  inbox.pong(decodeHex("03"));
  assert(await pings[2]! >= 0);
});

test("Inbox pong() that nobody asked for is ignored", async () => {
  const { inbox } = setUp();
  const ping = inbox.sendPing(decodeHex("0102"));
  for (const hex of ["", "01", "0103", "010203"]) inbox.pong(decodeHex(hex));
  assertEquals(await isPending(ping), true);
  inbox.pong(decodeHex("0102"));
  assert(await ping >= 0);
});

test("Inbox sendPing() leaves the round trip with the endpoint", async () => {
  const { inbox } = setUp();
  assertEquals(inbox.endpoint.roundTrip, undefined);
  const ping = inbox.sendPing(decodeHex("01"));
  inbox.pong(decodeHex("01"));
  assertEquals(inbox.endpoint.roundTrip, await ping);
});

test("Inbox hooks are told of Pings, Pongs and drain", () => {
  const { inbox } = setUp();
  const told: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    inbox.ping(decodeHex("01"));
    inbox.pong(decodeHex("02"));
    inbox.drain();
    inbox.hooks = {
      ping: (payload) => told.push("ping", payload),
      pong: (payload) => told.push("pong", payload),
      drain: () => told.push("drain"),
    };
  }
  assertEquals(told, ["ping", decodeHex("01"), "pong", decodeHex("02"), "drain"]);
});

test("Inbox tells the outbox of its chances, and of the end", () => {
  const { inbox } = setUp();
  const told: unknown[] = [];
  inbox.refill(true);
  inbox.outbox = {
    refill: (all: boolean) => told.push(all),
    closed: (info: CloseInfo) => told.push(info),
  } as unknown as Outbox;
  inbox.refill(true);
  inbox.refill(false);
  inbox.closed(info);
  assertEquals(told, [true, false, info]);
});

test("Inbox asks for chunks while the next receiver wants them", async () => {
  const { inbox, endpoint } = setUp();
  const aims: number[] = [];
  const note = <T>(value: T): T => (aims.push(endpoint.streamFrom), value);
  const received = [note(inbox.receive()), note(inbox.receiveStream()), note(inbox.receive())];
  assertEquals([note(inbox.message("1")), note(inbox.chunk("2", true))], [true, true]);
  assertEquals(note(inbox.message("3")), false);
  assertEquals(aims, [Infinity, Infinity, Infinity, 0, Infinity, Infinity]);
  assertEquals(await received[0], "1");
  assertInstanceOf(await received[1], MessageStream);
  assertEquals(await received[2], "3");
});

test("Inbox chunk() goes to the stream in progress, and asks for more while that is read", async () => {
  const { inbox } = setUp();
  const received = inbox.receiveStream();
  assertEquals(inbox.chunk("a", false), false);
  const chunks = (await received)[Symbol.asyncIterator]();
  await chunks.next();
  const waiting = [chunks.next(), chunks.next()];
  assertEquals([inbox.chunk("b", false), inbox.chunk("c", false)], [true, false]);
  assertEquals((await Promise.all(waiting)).map(({ value }) => value), ["b", "c"]);
  assertEquals(inbox.chunk("d", true), false);
  const next = inbox.receiveStream();
  assertEquals(inbox.chunk("e", true), false);
  assertEquals(await (await next).collect(), "e");
});

test("Inbox chunk() goes to the hook, and behind its end waits until that is done", () => {
  const { inbox } = setUp();
  let busy = true;
  const streams: MessageStream[] = [];
  inbox.taker = taker({ stream: (stream) => streams.push(stream) === 1, busy: () => busy });
  assertEquals([inbox.chunk("a", true), inbox.chunk("b", true)], [true, false]);
  assertEquals(inbox.chunk("c", false), false);
  assertEquals(inbox.chunk("d", true), false);
  inbox.chunk("e", false);
  busy = false;
  streams.at(-1)?.discard();
  assertEquals([inbox.chunk("f", false), inbox.chunk("g", true)], [true, true]);
  assertEquals(streams.length, 4);
});

test("Inbox finished() fails the stream in progress", async () => {
  const { inbox, close } = setUp();
  const received = inbox.receiveStream();
  inbox.chunk(decodeHex("01"), false);
  close();
  await assertRejects(async () => await (await received).collect(), ConnectionClosed);
});

test("Inbox receive(signal) that fires takes itself out, and only itself", async () => {
  const { inbox, endpoint } = setUp();
  const controllers = [new AbortController(), new AbortController(), new AbortController()];
  const received = controllers.map(({ signal }) => inbox.receive(signal));
  const [first, second, third] = controllers;
  second?.abort("second");
  assertEquals(await received[1]?.catch((reason) => reason), "second");
  assertEquals(endpoint.calls.includes("hold"), false);
  inbox.message("1");
  assertEquals(await received[0], "1");
  first?.abort("too late");
  third?.abort("third");
  assertEquals(await received[2]?.catch((reason) => reason), "third");
  assertEquals(endpoint.calls, ["proceed", "proceed", "proceed", "hold"]);
});

test("Inbox receive(signal) that has fired asks for nothing", async () => {
  const { inbox, endpoint } = setUp();
  const reason = new Error("before");
  const error = await assertRejects(() => inbox.receive(AbortSignal.abort(reason)));
  assertStrictEquals(error, reason);
  assertEquals(endpoint.calls, []);
});

test("Inbox receive(signal) removes its listener, however it ends", async () => {
  for (const end of ["message", "abort", "closed"] as const) {
    const { inbox, close } = setUp();
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
    const received = inbox.receive(signal);
    assertEquals(listeners.size, 1);
    if (end === "message") inbox.message("");
    else if (end === "abort") controller.abort();
    else close();
    await received.catch(() => {});
    await settled();
    assertEquals(listeners.size, 0);
  }
});
