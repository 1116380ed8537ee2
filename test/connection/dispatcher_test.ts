import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { decodeHex } from "@std/encoding";
import type { Endpoint } from "../../src/connection/endpoint.ts";
import { type CloseInfo, ConnectionClosed } from "../../src/protocol/errors.ts";
import { Dispatcher } from "../../src/connection/dispatcher.ts";
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
  inbound: { dropsExcess: boolean; ignored: number };
  open: boolean;
  streamFrom: number;
  readonly calls: string[];
}

/** A dispatcher with as much of an endpoint as it uses. */
function setUp(): { dispatcher: Dispatcher; endpoint: FakeEndpoint; close(): void } {
  const calls: string[] = [];
  const endpoint = {
    transport: {},
    calls,
    info: undefined as CloseInfo | undefined,
    finished: false,
    inbound: { dropsExcess: false, ignored: 0 },
    open: true,
    streamFrom: Infinity,
    proceed: () => calls.push("proceed"),
    hold: () => calls.push("hold"),
    control: (kind: string, payload: Uint8Array) => calls.push(`${kind} ${payload}`),
    whyNotOpen: () => new ConnectionClosed(info),
  };
  const dispatcher = new Dispatcher();
  const close = (): void => {
    endpoint.info = info;
    endpoint.finished = true;
    dispatcher.closed(info);
    dispatcher.finished(info, undefined);
  };
  dispatcher.endpoint = endpoint as unknown as Endpoint;
  return { dispatcher, endpoint, close };
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

test("Dispatcher receive() asks for a message, and gets it", async () => {
  const { dispatcher, endpoint } = setUp();
  const received = dispatcher.receive();
  assertEquals(endpoint.calls, ["proceed"]);
  assertEquals(dispatcher.message(""), false);
  assertEquals(await received, "");
});

test("Dispatcher message() goes to the receivers in order, and asks for more while some wait", async () => {
  const { dispatcher } = setUp();
  const received = Promise.all([dispatcher.receive(), dispatcher.receive()]);
  assertEquals([dispatcher.message("1"), dispatcher.message("2")], [true, false]);
  assertEquals(await received, ["1", "2"]);
});

test("Dispatcher message() goes to the hook when there is one", () => {
  const { dispatcher } = setUp();
  const seen: unknown[] = [];
  dispatcher.taker = taker({ message: (data) => seen.push(data) < 2 });
  assertEquals([dispatcher.message("1"), dispatcher.message("2")], [true, false]);
  assertEquals(seen, ["1", "2"]);
});

test("Dispatcher receive() and sendPing() reject after the end", async () => {
  const { dispatcher, endpoint, close } = setUp();
  endpoint.open = false;
  close();
  for (const act of [() => dispatcher.receive(), () => dispatcher.sendPing(new Uint8Array())]) {
    const error = await assertRejects(act, ConnectionClosed);
    assertStrictEquals(error.info, info);
  }
  assertEquals(endpoint.calls, []);
});

test("Dispatcher closed() and finished() reject all that wait, and whenClosed resolves", async () => {
  const { dispatcher, close } = setUp();
  const waiting = [
    dispatcher.receive(),
    dispatcher.receive(),
    dispatcher.sendPing(new Uint8Array(1)),
  ];
  close();
  for (const promise of waiting) await assertRejects(() => promise, ConnectionClosed);
  assertStrictEquals(await dispatcher.whenClosed, info);
});

test("Dispatcher pong() answers its Ping and those sent before (RFC 6455 5.5.3)", async () => {
  const { dispatcher, endpoint } = setUp();
  const pings = ["01", "02", "03"].map((hex) => dispatcher.sendPing(decodeHex(hex)));
  assertEquals(endpoint.calls, ["ping 1", "ping 2", "ping 3"]);
  dispatcher.pong(decodeHex("02"));
  assert(await pings[0]! >= 0 && await pings[1]! >= 0);
  assertEquals(await isPending(pings[2]!), true);
  dispatcher.pong(decodeHex("03"));
  assert(await pings[2]! >= 0);
});

test("Dispatcher pong() that answers no Ping is ignored", async () => {
  const { dispatcher } = setUp();
  const ping = dispatcher.sendPing(decodeHex("0102"));
  for (const hex of ["", "01", "0103", "010203"]) dispatcher.pong(decodeHex(hex));
  assertEquals(await isPending(ping), true);
  dispatcher.pong(decodeHex("0102"));
  assert(await ping >= 0);
});

test("Dispatcher sendPing() leaves the round trip with the endpoint", async () => {
  const { dispatcher } = setUp();
  assertEquals(dispatcher.endpoint.roundTrip, undefined);
  const ping = dispatcher.sendPing(decodeHex("01"));
  dispatcher.pong(decodeHex("01"));
  assertEquals(dispatcher.endpoint.roundTrip, await ping);
});

test("Dispatcher hooks are told of Pings, Pongs and drain", () => {
  const { dispatcher } = setUp();
  const told: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    dispatcher.ping(decodeHex("01"));
    dispatcher.pong(decodeHex("02"));
    dispatcher.drain();
    dispatcher.hooks = {
      ping: (payload) => told.push("ping", payload),
      pong: (payload) => told.push("pong", payload),
      drain: () => told.push("drain"),
    };
  }
  assertEquals(told, ["ping", decodeHex("01"), "pong", decodeHex("02"), "drain"]);
});

test("Dispatcher tells the outbox of its chances, and of the end", () => {
  const { dispatcher } = setUp();
  const told: unknown[] = [];
  dispatcher.refill(true);
  dispatcher.outbox = {
    refill: (all: boolean) => told.push(all),
    closed: (info: CloseInfo) => told.push(info),
  } as unknown as Outbox;
  dispatcher.refill(true);
  dispatcher.refill(false);
  dispatcher.closed(info);
  assertEquals(told, [true, false, info]);
});

test("Dispatcher asks for chunks while the next receiver wants them", async () => {
  const { dispatcher, endpoint } = setUp();
  const aims: number[] = [];
  const note = <T>(value: T): T => (aims.push(endpoint.streamFrom), value);
  const received = [
    note(dispatcher.receive()),
    note(dispatcher.receiveStream()),
    note(dispatcher.receive()),
  ];
  assertEquals([note(dispatcher.message("1")), note(dispatcher.chunk("2", true))], [true, true]);
  assertEquals(note(dispatcher.message("3")), false);
  assertEquals(aims, [Infinity, Infinity, Infinity, 0, Infinity, Infinity]);
  assertEquals(await received[0], "1");
  assert(await received[1] instanceof MessageStream);
  assertEquals(await received[2], "3");
});

test("Dispatcher chunk() goes to the stream in progress, and asks for more while that is read", async () => {
  const { dispatcher } = setUp();
  const received = dispatcher.receiveStream();
  assertEquals(dispatcher.chunk("a", false), false);
  const chunks = (await received)[Symbol.asyncIterator]();
  await chunks.next();
  const waiting = [chunks.next(), chunks.next()];
  assertEquals([dispatcher.chunk("b", false), dispatcher.chunk("c", false)], [true, false]);
  assertEquals((await Promise.all(waiting)).map(({ value }) => value), ["b", "c"]);
  assertEquals(dispatcher.chunk("d", true), false);
  const next = dispatcher.receiveStream();
  assertEquals(dispatcher.chunk("e", true), false);
  assertEquals(await (await next).collect(), "e");
});

test("Dispatcher chunk() goes to the hook, and behind its end waits until that is done", () => {
  const { dispatcher } = setUp();
  let busy = true;
  const streams: MessageStream[] = [];
  dispatcher.taker = taker({ stream: (stream) => streams.push(stream) === 1, busy: () => busy });
  assertEquals([dispatcher.chunk("a", true), dispatcher.chunk("b", true)], [true, false]);
  assertEquals(dispatcher.chunk("c", false), false);
  assertEquals(dispatcher.chunk("d", true), false);
  dispatcher.chunk("e", false);
  busy = false;
  discardRest(streams.at(-1)!);
  assertEquals([dispatcher.chunk("f", false), dispatcher.chunk("g", true)], [true, true]);
  assertEquals(streams.length, 4);
});

test("Dispatcher finished() fails the stream in progress", async () => {
  const { dispatcher, close } = setUp();
  const received = dispatcher.receiveStream();
  dispatcher.chunk(decodeHex("01"), false);
  close();
  await assertRejects(async () => await (await received).collect(), ConnectionClosed);
});

test("Dispatcher receive({ signal }) that fires takes itself out, and only itself", async () => {
  const { dispatcher, endpoint } = setUp();
  const controllers = [new AbortController(), new AbortController(), new AbortController()];
  const received = controllers.map(({ signal }) => dispatcher.receive({ signal }));
  const [first, second, third] = controllers;
  second?.abort("second");
  assertEquals(await received[1]?.catch((reason) => reason), "second");
  assertEquals(endpoint.calls.includes("hold"), false);
  dispatcher.message("1");
  assertEquals(await received[0], "1");
  first?.abort("too late");
  third?.abort("third");
  assertEquals(await received[2]?.catch((reason) => reason), "third");
  assertEquals(endpoint.calls, ["proceed", "proceed", "proceed", "hold"]);
});

test("Dispatcher receive({ signal }) that has fired asks for nothing", async () => {
  const { dispatcher, endpoint } = setUp();
  const reason = new Error("before");
  const error = await assertRejects(() =>
    dispatcher.receive({ signal: AbortSignal.abort(reason) })
  );
  assertStrictEquals(error, reason);
  assertEquals(endpoint.calls, []);
});

test("Dispatcher receive({ signal }) removes its listener, however it ends", async () => {
  for (const end of ["message", "abort", "closed"] as const) {
    const { dispatcher, close } = setUp();
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
    const received = dispatcher.receive({ signal });
    assertEquals(listeners.size, 1);
    if (end === "message") dispatcher.message("");
    else if (end === "abort") controller.abort();
    else close();
    await received.catch(() => {});
    await settled();
    assertEquals(listeners.size, 0);
  }
});
