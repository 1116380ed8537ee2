// The endpoint over a transport that the test plays by hand. Frames to it come from a client, masked with 00000000.

import { setImmediate } from "node:timers";
import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { createClock } from "@sansocket/ws/testing";
import type { EndpointLimits } from "../../src/connection/endpoint_consumer.ts";
import { HIGH_WATER_MARK } from "../../src/connection/send_backpressure.ts";
import { Endpoint } from "../../src/connection/endpoint.ts";
import { RESOLVED } from "../../src/util/promises.ts";
import { type CloseInfo, ConnectionClosed } from "../../src/protocol/errors.ts";
import { PreparedMessage } from "../../src/protocol/prepared_message.ts";
import { Protocol } from "../../src/protocol/protocol.ts";
import { concat, EMPTY } from "../../src/util/bytes.ts";
import { utf8 } from "../support/established.ts";
import { decodeFrames, encodeFrames } from "../support/frames.ts";
import { isPending, settled } from "../support/connections.ts";
import { test } from "../support/test.ts";
import { FakeTransport } from "../support/transports.ts";

const A = "818100000000" + "61";
const B = "818100000000" + "62";
const PING_1 = "898100000000" + "01";
const CLOSE_1000 = "888200000000" + "03e8";
/** As many messages as may wait. */
const AHEAD = A.repeat(16);

interface Scene {
  readonly transport: FakeTransport;
  readonly endpoint: Endpoint;
  /** What the consumer was told: messages as they are, the rest by its name, in order. */
  readonly log: string[];
  readonly infos: CloseInfo[];
  /** What `message()` answers. */
  ready: boolean;
  receive(hex: string): void;
  /** What was written, one entry for each write. */
  writes(): string[];
}

function setUp({ rest = "", ...limits }: Partial<EndpointLimits> & { rest?: string } = {}): Scene {
  const transport = new FakeTransport();
  const log: string[] = [];
  const infos: CloseInfo[] = [];
  const protocol = new Protocol("server", { maxMessageSize: 1000, maxFragments: 10 });
  const endpoint = new Endpoint(
    protocol,
    transport,
    decodeHex(rest),
    {
      held: 0,
      message: (data) => {
        log.push(typeof data === "string" ? data : encodeHex(data));
        return scene.ready;
      },
      chunk: (data, last) => {
        const text = typeof data === "string" ? data : encodeHex(data);
        log.push(`${last ? "last chunk" : "chunk"} ${text}`);
        return scene.ready;
      },
      ping: (payload) => log.push(`ping ${encodeHex(payload)}`),
      pong: (payload) => log.push(`pong ${encodeHex(payload)}`),
      refill: (all) => log.push(all ? "refill all" : "refill"),
      drain: () => log.push("drain"),
      failed: (error) => log.push(`failed: ${error.message}`),
      closed: (info) => {
        log.push("closed");
        infos.push(info);
      },
      finished: () => log.push("finished"),
    },
    { closeTimeout: 60_000, maxBufferedAmount: 200_000, overflow: "close", ...limits },
  );
  const scene: Scene = {
    transport,
    endpoint,
    log,
    infos,
    ready: true,
    receive: (hex) => transport.sink.data(decodeHex(hex)),
    writes: () => transport.writes.map((chunk) => encodeHex(chunk)),
  };
  return scene;
}

/** Lets what was due at the end of this turn of the event loop happen. */
function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

test("Endpoint reads nothing before it is started, and gives nothing before proceed()", () => {
  const { transport, endpoint, log } = setUp({ rest: A });
  assertEquals([transport.paused, log, endpoint.draining], [true, [], false]);
  endpoint.start();
  assertEquals([transport.paused, log, endpoint.draining], [false, [], true]);
  endpoint.proceed();
  assertEquals([transport.paused, log, endpoint.draining], [false, ["a"], false]);
});

test("Endpoint parses and reads nothing behind as many messages as may wait", async () => {
  const scene = setUp();
  scene.endpoint.proceed();
  scene.ready = false;
  scene.receive(A + AHEAD + PING_1 + B + CLOSE_1000);
  // The consumer has this turn to answer.
  assertEquals([scene.transport.paused, scene.log, scene.writes()], [true, ["a"], []]);
  await settled();
  // The Ping before the next message is answered; the Close frame behind it is not seen.
  assertEquals([scene.transport.paused, scene.log, scene.writes()], [
    true,
    ["a", "ping 01"],
    ["8a0101"],
  ]);
  assertEquals([scene.endpoint.open, scene.endpoint.blocked], [true, true]);
  // The consumer takes one, which makes room for the last.
  scene.endpoint.proceed();
  await settled();
  assertEquals([scene.transport.paused, scene.log], [false, ["a", "ping 01", "a", "refill all"]]);
  assertEquals([scene.endpoint.open, scene.endpoint.draining], [false, true]);
  assertEquals(scene.writes(), ["8a0101", "880203e8"]);
  scene.ready = true;
  scene.endpoint.proceed();
  assertEquals(scene.log.splice(4), [..."a".repeat(15), "b"]);
  scene.transport.sink.closed();
});

test("Endpoint answers a Ping at once while the consumer is behind, a Close at the end of the turn", async () => {
  const scene = setUp();
  scene.endpoint.start();
  scene.receive(PING_1);
  assertEquals(scene.writes(), ["8a0101"]);
  scene.receive(CLOSE_1000);
  assertEquals([scene.writes(), scene.endpoint.open], [["8a0101"], true]);
  await settled();
  scene.log.splice(1, 1);
  assertEquals([scene.log, scene.writes()], [["ping 01"], ["8a0101", "880203e8"]]);
  scene.transport.sink.closed();
});

test("Endpoint writes all replies to one chunk at once", () => {
  const scene = setUp();
  scene.endpoint.proceed();
  scene.receive(PING_1 + PING_1.replace(/01$/, "02") + PING_1.replace(/01$/, "03"));
  assertEquals(scene.writes(), ["8a0101" + "8a0102" + "8a0103"]);
});

test("Endpoint writes what is sent in one turn at once, at its end", async () => {
  const { endpoint, writes } = setUp();
  endpoint.send("a");
  await Promise.resolve();
  endpoint.send("b");
  endpoint.control("ping", new Uint8Array());
  assertEquals(writes(), []);
  await settled();
  assertEquals(writes(), ["810161" + "810162" + "8900"]);
});

test("Endpoint writes what is published in one turn of the event loop at once, at its end", async () => {
  const { endpoint, writes } = setUp();
  assertEquals(endpoint.publish(new PreparedMessage("a")), true);
  // As many microtasks as another chunk of the same turn may take.
  for (let i = 0; i < 600; i++) await null;
  assertEquals(endpoint.publish(new PreparedMessage("b")), true);
  assertEquals([writes(), endpoint.bufferedAmount, endpoint.messagesSent], [[], 6, 2]);
  await turnOfLoop();
  assertEquals(writes(), ["810161" + "810162"]);
});

test("Endpoint keeps the order of what is published and sent, and send() waits no longer", async () => {
  const { transport, endpoint, writes, receive } = setUp();
  endpoint.proceed();
  endpoint.publish(new PreparedMessage("a"));
  endpoint.send("b");
  endpoint.publish(new PreparedMessage("c"));
  for (let i = 0; i < 600; i++) await null;
  assertEquals(writes(), ["810161" + "810162" + "810163"]);
  endpoint.publish(new PreparedMessage("d"));
  receive(PING_1);
  assertEquals(writes().slice(1), ["810164" + "8a0101"]);
  endpoint.publish(new PreparedMessage("e"));
  endpoint.close(1000, "");
  assertEquals(writes().slice(2), ["810165" + "880203e8"]);
  await turnOfLoop();
  assertEquals(writes().length, 3);
  transport.sink.closed();
});

test("Endpoint writes what is published at once from the high-water mark on", () => {
  const { endpoint, transport } = setUp();
  const message = new PreparedMessage(new Uint8Array(HIGH_WATER_MARK / 2));
  endpoint.publish(message);
  assertEquals(transport.writes.length, 0);
  endpoint.publish(message);
  const written = transport.writes.reduce((sum, chunk) => sum + chunk.length, 0);
  assertEquals(written, HIGH_WATER_MARK + 8);
});

test("Endpoint publishes nothing to a connection that is behind, closing, or may hold little", () => {
  const message = new PreparedMessage("a");
  const behind = setUp();
  behind.transport.congested = true;
  behind.endpoint.send(new Uint8Array(HIGH_WATER_MARK));
  assertEquals([behind.endpoint.congested, behind.endpoint.publish(message)], [true, false]);
  const closing = setUp();
  closing.endpoint.close(1000, "");
  assertEquals(closing.endpoint.publish(message), false);
  closing.transport.sink.closed();
  assertEquals(setUp({ maxBufferedAmount: 1000 }).endpoint.publish(message), false);
});

test("Endpoint writes at once from the high-water mark on", () => {
  const { endpoint, transport } = setUp();
  endpoint.send(new Uint8Array(HIGH_WATER_MARK / 2));
  assertEquals(transport.writes.length, 0);
  endpoint.send(new Uint8Array(HIGH_WATER_MARK / 2));
  const written = transport.writes.reduce((sum, chunk) => sum + chunk.length, 0);
  assertEquals(written, HIGH_WATER_MARK + 8);
  assertEquals(endpoint.bufferedAmount, 0);
});

test("Endpoint send() shares one promise until the transport is congested", async () => {
  const { endpoint, transport } = setUp();
  assertStrictEquals(endpoint.send("a"), RESOLVED);
  transport.congested = true;
  const large = endpoint.send(new Uint8Array(HIGH_WATER_MARK));
  const next = endpoint.send("b");
  assertStrictEquals(next, large);
  assertEquals(await isPending(large), true);
  transport.drain();
  await large;
  assertStrictEquals(endpoint.send("c"), RESOLVED);
});

test("Endpoint send() does not wait while little waits", async () => {
  const { endpoint, transport } = setUp();
  transport.congested = true;
  endpoint.send("a");
  await settled();
  assertEquals(transport.bufferedAmount, 3);
  assertStrictEquals(endpoint.send("b"), RESOLVED);
});

test("Endpoint accepts a message of any size while no more than maxBufferedAmount waits", async () => {
  const { endpoint, transport, infos } = setUp({ maxBufferedAmount: 150_000 });
  transport.congested = true;
  const sent = [endpoint.send(new Uint8Array(100_000)), endpoint.send(new Uint8Array(1_000_000))];
  assertEquals([transport.destroyed, endpoint.open], [false, true]);
  const third = endpoint.send("");
  assertEquals([transport.destroyed, endpoint.open], [true, false]);
  transport.sink.closed();
  const text =
    "More than 150000 octets (maxBufferedAmount) waited to be sent: 1100020; await send()";
  for (const promise of [...sent, third]) {
    await assertRejects(() => promise, ConnectionClosed, text);
  }
  assertEquals(infos.map(({ code, initiator }) => ({ code, initiator })), [
    { code: 1006, initiator: "local" },
  ]);
});

test("Endpoint compares maxBufferedAmount with what has to wait, not with what leaves at once", async () => {
  const { endpoint, transport } = setUp({ maxBufferedAmount: 1 });
  for (let i = 0; i < 10; i++) void endpoint.send("many in one turn");
  await settled();
  assertEquals([transport.destroyed, transport.writes.length > 0], [false, true]);
  transport.congested = true;
  void endpoint.send("a");
  void endpoint.send("b");
  assertEquals(transport.destroyed, true);
  transport.sink.closed();
});

test("Endpoint cuts a connection whose Pings are more than may wait", async () => {
  const { endpoint, transport } = setUp({ maxBufferedAmount: 1_000 });
  transport.congested = true;
  for (let i = 0; i < 1_000 && endpoint.open; i++) {
    endpoint.control("ping", new Uint8Array(125));
    endpoint.flush();
  }
  assertEquals([transport.destroyed, transport.bufferedAmount], [true, 8 * 127]);
  transport.sink.closed();
  await settled();
});

test("Endpoint send() settles no earlier than a large payload is read no more, however little waits", async () => {
  for (const length of [HIGH_WATER_MARK - 1, HIGH_WATER_MARK, 600_000]) {
    const { endpoint, transport } = setUp();
    transport.write = (chunk) => {
      transport.writes.push(chunk);
      // All but a few octets leaves.
      transport.bufferedAmount = 10;
      return false;
    };
    const payload = new Uint8Array(length);
    const sent = [
      endpoint.send(payload),
      endpoint.sendFragment(payload, true, true),
      endpoint.send(payload),
    ];
    endpoint.flush();
    const isKept = transport.writes.some(({ buffer }) => buffer === payload.buffer);
    assertEquals(isKept, length >= HIGH_WATER_MARK);
    assertEquals(await Promise.all(sent.map(isPending)), Array(3).fill(isKept));
    assertStrictEquals(endpoint.send("small"), RESOLVED);
    endpoint.flush();
    transport.drain();
    await Promise.all(sent);
  }
});

test("Endpoint keeps only the newest Pong while the transport is congested", async () => {
  const { endpoint, transport, receive, writes } = setUp();
  endpoint.proceed();
  transport.congested = true;
  receive(PING_1);
  assertEquals(writes(), ["8a0101"]);
  for (const last of ["02", "03", "04"]) receive(PING_1.replace(/01$/, last));
  await settled();
  assertEquals([writes(), endpoint.bufferedAmount], [["8a0101"], 3]);
  transport.drain();
  assertEquals(writes(), ["8a0101", "8a0104"]);
});

test("Endpoint goes on reading once the closing handshake has begun", () => {
  const scene = setUp();
  scene.endpoint.proceed();
  scene.ready = false;
  scene.receive(A + AHEAD + B);
  assertEquals(scene.transport.paused, true);
  scene.endpoint.close(1000, "");
  assertEquals([scene.transport.paused, scene.endpoint.draining], [false, false]);
  scene.receive(B + PING_1 + CLOSE_1000);
  scene.transport.sink.end();
  scene.transport.sink.closed();
  // Messages are discarded; a Ping is answered until the peer's Close frame has come (RFC 6455 5.5.2).
  assertEquals(scene.log, ["a", "refill all", "ping 01", "closed", "finished"]);
  assertEquals(scene.writes(), ["880203e8", "8a0101"]);
  assertEquals(scene.infos[0]?.wasClean, true);
});

test("Endpoint of a server ends the stream first (RFC 6455 7.1.1)", () => {
  const { endpoint, transport, receive } = setUp();
  endpoint.proceed();
  endpoint.close(1000, "");
  assertEquals(transport.ended, false);
  receive(CLOSE_1000);
  assertEquals(transport.ended, true);
  transport.sink.closed();
});

test("Endpoint cuts the connection when the peer does not answer a close", async () => {
  const clock = createClock();
  const { endpoint, transport, infos } = setUp({ closeTimeout: 10_000 });
  transport.clock = clock.source;
  transport.destroy = () => {
    transport.destroyed = true;
    queueMicrotask(() => transport.sink.closed());
  };
  endpoint.proceed();
  endpoint.close(4000, "");
  await clock.advance(9_999);
  assertEquals(transport.destroyed, false);
  await clock.advance(1);
  assertEquals(transport.destroyed, true);
  assertEquals([infos[0]?.code, infos[0]?.initiator], [1006, "local"]);
  assertEquals(infos[0]?.cause?.message, "The connection did not close within 10000 ms");
});

test("Endpoint answers the peer's end without a Close frame with its own", () => {
  const { endpoint, transport, infos } = setUp();
  endpoint.proceed();
  transport.sink.end();
  assertEquals([transport.ended, endpoint.open], [true, false]);
  transport.sink.closed();
  assertEquals([infos[0]?.code, infos[0]?.initiator, infos[0]?.wasClean], [1006, "remote", false]);
  assertEquals(
    infos[0]?.cause?.message,
    "The peer ended the connection without a Close frame",
  );
});

test("Endpoint reports the error that ended the stream", () => {
  const { endpoint, transport, infos } = setUp();
  const error = new Error("ECONNRESET");
  endpoint.proceed();
  transport.sink.closed(error);
  assertStrictEquals(infos[0]?.cause, error);
  assertStrictEquals(endpoint.info, infos[0]);
});

test("Endpoint send() fails after the end", async () => {
  const { endpoint, transport } = setUp();
  endpoint.terminate(new Error("enough"));
  await assertRejects(() => endpoint.send("a"), ConnectionClosed);
  transport.sink.closed();
  const { cause } = await assertRejects(() => endpoint.send("a"), ConnectionClosed);
  assertInstanceOf(cause, Error);
  endpoint.close(1000, "");
  assertEquals(transport.writes, []);
});

test("Endpoint gives a large message in chunks from streamFrom on, one at a time", async () => {
  const scene = setUp();
  const { endpoint, transport, log, receive } = scene;
  endpoint.streamFrom = 2;
  endpoint.proceed();
  receive("828100000000" + "01");
  scene.ready = false;
  receive("828400000000" + "02");
  // What comes before the consumer asks for it waits, as messages do.
  receive("03");
  assertEquals([log, transport.paused], [["01", "chunk 02"], false]);
  endpoint.proceed();
  assertEquals(log, ["01", "chunk 02", "chunk 03"]);
  endpoint.proceed();
  assertEquals([log.length, endpoint.messages, transport.paused], [3, 1, false]);
  receive("0405" + A);
  await settled();
  assertEquals([log.at(-1), endpoint.draining], ["last chunk 0405", true]);
  assertEquals(endpoint.messages, 3);
  endpoint.proceed();
  assertEquals([log.at(-1), endpoint.messages, endpoint.draining], ["a", 3, false]);
});

test("Endpoint tells Pings and Pongs in order with messages", () => {
  const { endpoint, log, receive } = setUp();
  endpoint.proceed();
  receive(PING_1 + A + "8a8100000000" + "02" + B);
  assertEquals(log, ["ping 01", "a", "pong 02", "b"]);
});

test("Endpoint hold() stops at the data frame that may not wait, and not before", () => {
  const { endpoint, transport, log, receive } = setUp();
  endpoint.proceed();
  endpoint.hold();
  receive(PING_1);
  assertEquals([log, transport.paused, endpoint.blocked], [["ping 01"], false, false]);
  receive(AHEAD);
  assertEquals([log, transport.paused, endpoint.blocked], [["ping 01"], false, false]);
  receive(B);
  assertEquals([log, transport.paused, endpoint.blocked], [["ping 01"], true, true]);
  endpoint.proceed();
  assertEquals([log.length, log.at(-1)], [18, "b"]);
  assertEquals([transport.paused, endpoint.blocked], [false, false]);
});

test("Endpoint lets what was held back leave first, then says drain", () => {
  const { endpoint, transport, log, writes } = setUp();
  transport.congested = true;
  endpoint.send("1");
  endpoint.flush();
  assertEquals(endpoint.congested, true);
  endpoint.send("2");
  transport.drain();
  assertEquals([log, writes()], [["refill", "drain"], ["810131", "810132"]]);
});

test("Endpoint says no drain, and resolves nothing, when the refill fills the transport again", async () => {
  const transport = new FakeTransport();
  const log: string[] = [];
  const limits = { closeTimeout: 60_000, maxBufferedAmount: 1_000_000, overflow: "wait" } as const;
  let refills = 2;
  const endpoint: Endpoint = new Endpoint(
    new Protocol("server", { maxMessageSize: 1000, maxFragments: 10 }),
    transport,
    new Uint8Array(),
    {
      held: 0,
      message: () => true,
      chunk: () => true,
      ping: () => {},
      pong: () => {},
      refill: () => {
        log.push("refill");
        if (--refills === 0) return;
        transport.congested = true;
        endpoint.send(new Uint8Array(HIGH_WATER_MARK));
      },
      drain: () => log.push("drain"),
      failed: () => {},
      closed: () => {},
      finished: () => {},
    },
    limits,
  );
  transport.congested = true;
  const sent = endpoint.send(new Uint8Array(HIGH_WATER_MARK));
  transport.drain();
  assertEquals([log, await isPending(sent)], [["refill"], true]);
  transport.drain();
  await sent;
  assertEquals(log, ["refill", "refill", "drain"]);
});

test("Endpoint close() with a wrong code throws before anything is sent", () => {
  const { endpoint, log, writes } = setUp();
  assertThrows(() => endpoint.close(1005, ""), RangeError);
  assertEquals([log, writes(), endpoint.open], [[], [], true]);
});

test("Endpoint sendFragment() sends what it is told, and rejects after the end", async () => {
  const { endpoint, writes, transport } = setUp();
  assertStrictEquals(endpoint.sendFragment("a", true, false), RESOLVED);
  endpoint.sendFragment("b", false, false);
  endpoint.sendFragment("", false, true);
  endpoint.flush();
  assertEquals(writes(), ["010161" + "000162" + "8000"]);
  endpoint.terminate(new Error("enough"));
  await assertRejects(() => endpoint.sendFragment("c", true, true), ConnectionClosed);
  await assertRejects(() => endpoint.writable(), ConnectionClosed);
  transport.sink.closed();
});

for (const overflow of ["wait", "drop-oldest", "drop-newest"] as const) {
  test(`Endpoint leaves overflow "${overflow}" to the sender`, async () => {
    const { endpoint, transport } = setUp({ maxBufferedAmount: 1_000, overflow });
    transport.congested = true;
    const sent = endpoint.send(new Uint8Array(100_000));
    assertEquals([transport.destroyed, await isPending(sent)], [false, true]);
    transport.drain();
    await sent;
  });
}

test("Endpoint alive is set by whatever comes", () => {
  const { endpoint, receive } = setUp();
  endpoint.start();
  for (const hex of [PING_1, "81", "8100000000", "61"]) {
    endpoint.alive = false;
    receive(hex);
    assertEquals(endpoint.alive, true);
  }
});

/** A frame with a text, masked with zeros, of 26 octets or more: shorter ones are not looked up. */
function textFrame(text: string): string {
  const octets = encodeHex(new TextEncoder().encode(text));
  return `81${(0x80 + octets.length / 2).toString(16)}00000000${octets}`;
}

test("Endpoint sends a text on as it came, within the hook and after it, however the chunk is used again", () => {
  const first = "äöü €1 ".repeat(6);
  const second = "äöü €2 ".repeat(6);
  const other = "äöü €3 ".repeat(6);
  const sent = [first, second, other, `${first}!`, first, second];
  for (const [lent, waiting] of [[true, true], [true, false], [false, true], [false, false]]) {
    for (const role of ["server", "client"] as const) {
      const transport = new FakeTransport();
      const received: string[] = [];
      const protocol = new Protocol(role, { maxMessageSize: 1000, maxFragments: 10 });
      const consumer = {
        held: 0,
        message(data: string | Uint8Array) {
          received.push(data as string);
          void endpoint.send(data);
          if (received.length < 2) return true;
          // The first is not at hand any more; the second is, and so is what is equal to it.
          for (const text of sent.slice(2)) void endpoint.send(text.slice(0, -1) + text.slice(-1));
          void endpoint.send(new PreparedMessage(second));
          return false;
        },
        chunk: () => true,
        ping() {},
        pong() {},
        refill() {},
        drain() {},
        failed() {},
        closed() {},
        finished() {},
      };
      const limits = {
        closeTimeout: 10_000,
        maxBufferedAmount: 1 << 20,
        overflow: "close",
      } as const;
      const endpoint: Endpoint = new Endpoint(protocol, transport, EMPTY, consumer, limits);
      endpoint.proceed();
      // The third waits in the chunk, for the consumer is behind.
      const texts = waiting ? [first, second, other] : [first, second];
      const frames = role === "server"
        ? texts.map(textFrame).join("")
        : encodeHex(encodeFrames(...texts.map((text) => ({ opcode: 1, payload: utf8(text) }))));
      const chunk = decodeHex(frames);
      const free = transport.sink.data(chunk, lent);
      if (lent || free) chunk.fill(0xff);
      void endpoint.send(first);
      void endpoint.send(second);
      endpoint.flush();
      const payloads = decodeFrames(concat(transport.writes)).map(({ payload }) =>
        new TextDecoder().decode(payload)
      );
      assertEquals(received, [first, second]);
      assertEquals(payloads, [...sent, second, first, second]);
      endpoint.terminate(new Error("The test is over"));
      transport.sink.closed();
    }
  }
});
