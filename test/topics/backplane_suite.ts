// What a driver has to keep, through the interface alone (src/topics/backplane.ts): one suite for
// every broker.
//
// 1. No case sleeps. That something does not arrive shows by what was published behind it: one
//    publisher's messages come in order.
// 2. A broker that cannot be stopped, and a client that cannot be looked at, leave out those cases.

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Backplane, BackplaneSink, StoredPosition } from "../../src/topics/backplane.ts";
import { test } from "../support/test.ts";
import { Changes } from "./changes.ts";

/** A driver, and what it was made of. */
export interface DriverSetup {
  /** The driver; not started. */
  readonly backplane: Backplane;
  /** Shows that what the user has made still works; rejects when it does not. */
  works?(): Promise<unknown>;
  /** Ends what the user has made. */
  end?(): Promise<unknown> | void;
}

/** A broker for one test. */
export interface BrokerSetup {
  /** Makes a driver with everything that it needs, as in one more process. */
  driver(): DriverSetup | Promise<DriverSetup>;
  /** Ends the broker, with all connections; it is back when the result is called. */
  outage?(): Promise<() => Promise<void>>;
  /** Ends the broker. */
  close?(): Promise<void> | void;
}

/** What else there is to say about a driver. */
export interface SuiteOptions {
  /** Why the tests cannot run here. */
  readonly skip?: string | false | undefined;
  /** How many messages a test of order sends. Default: 5,000. */
  readonly many?: number;
  /** Whether `publish()` resolves with the number of receivers. */
  readonly counts: boolean;
  /** Whether one order is declared. */
  readonly ordered: boolean;
  /** Whether the broker can go away. Default: true. */
  readonly outages?: boolean;
}

/** A sink that keeps everything. */
export class RecordingSink implements BackplaneSink {
  /** What came, in order. */
  readonly messages: { channel: string; envelope: Uint8Array }[] = [];
  /** The position of each, if it has one. */
  readonly positions: (StoredPosition | undefined)[] = [];
  /** What was reported, in order. */
  readonly states: ("up" | "down")[] = [];
  /** Why the broker was reported to be away. */
  readonly reasons: unknown[] = [];
  /** How often anything was called. */
  calls = 0;
  readonly #changes = new Changes();

  message(channel: string, envelope: Uint8Array, position?: StoredPosition): void {
    this.messages.push({ channel, envelope });
    this.positions.push(position);
    this.#change();
  }

  /** The offsets of the messages, as far as they have one. */
  offsets(): (number | undefined)[] {
    return this.positions.map((position) => position?.offset);
  }

  up(): void {
    this.states.push("up");
    this.#change();
  }

  down(reason: unknown): void {
    this.states.push("down");
    this.reasons.push(reason);
    this.#change();
  }

  /** The last report. */
  get state(): "up" | "down" | undefined {
    return this.states.at(-1);
  }

  /** What came on a channel, as numbers of four octets. */
  numbers(channel: string): number[] {
    return this.messages.filter((one) => one.channel === channel).map((one) => read(one.envelope));
  }

  /** Waits until something holds, and looks whenever something was reported. */
  until(holds: () => boolean, what: string): Promise<void> {
    return this.#changes.until(holds, what, () => `${this.messages.length} messages`);
  }

  /** Waits for so many messages altogether. */
  count(count: number): Promise<void> {
    return this.until(() => this.messages.length >= count, `${count} messages`);
  }

  /** Waits for a report. */
  is(state: "up" | "down"): Promise<void> {
    return this.until(() => this.state === state, state);
  }

  #change(): void {
    this.calls++;
    this.#changes.happened();
  }
}

/** A number as four octets. */
export function number(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function read(octets: Uint8Array): number {
  return new DataView(octets.buffer, octets.byteOffset).getUint32(0);
}

/** A started driver. */
interface Instance extends DriverSetup {
  readonly sink: RecordingSink;
}

/** A broker, and the drivers of the test. */
interface Stage {
  readonly broker: BrokerSetup;
  /** Starts a driver, and waits until it is up. */
  start(): Promise<Instance>;
}

/**
 * Registers the tests of a driver.
 *
 * @param name What the tests are named after.
 * @param setup Makes a broker for one test, which ends it.
 * @param options What else there is to say.
 */
export function backplaneSuite(
  name: string,
  setup: () => BrokerSetup | Promise<BrokerSetup>,
  options: SuiteOptions,
): void {
  const { skip, many = 5_000, counts, ordered, outages = true } = options;
  const away = outages ? skip : skip || "this broker cannot go away";

  /** Registers a test with a broker of its own; all drivers are closed in the end. */
  const suite = (criterion: string, body: (stage: Stage) => Promise<void>, skipped = skip) =>
    test(`${name} ${criterion}`, async () => {
      const broker = await setup();
      const instances: Instance[] = [];
      try {
        await body({
          broker,
          async start() {
            const instance = { ...await broker.driver(), sink: new RecordingSink() };
            instances.push(instance);
            instance.backplane.start(instance.sink);
            await instance.sink.is("up");
            return instance;
          },
        });
      } finally {
        await Promise.all(instances.map(({ backplane }) => backplane.close()));
        await Promise.all(instances.map(({ end }) => end?.()));
        await broker.close?.();
      }
    }, { skip: skipped });

  suite("says what it is, and that the broker is there once", async ({ start }) => {
    const { backplane, sink } = await start();
    assert(backplane.name.length > 0);
    assertEquals(backplane.ordered, ordered);
    await backplane.join(["a"]);
    await backplane.publish("a", number(1));
    await sink.count(1);
    assertEquals(sink.states, ["up"]);
  });

  suite("carries all 256 octets, none, and the most there may be", async ({ start }) => {
    const [one, two] = [await start(), await start()];
    await two.backplane.join(["a"]);
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const large = new Uint8Array(one.backplane.maxSize ?? 1_048_576).map((_, i) => i * 31 >> 3);
    // A view on a larger buffer, as the envelopes of the topics are.
    const view = Uint8Array.of(9, 9, 0x0d, 0x0a, 0x00, 0xff, 9).subarray(2, 6);
    const sent = [all, new Uint8Array(0), large, view, all];
    await Promise.all(sent.map((payload) => one.backplane.publish("a", payload)));
    await two.sink.count(sent.length);
    assertEquals(two.sink.messages.length, sent.length);
    for (const [i, { channel, envelope }] of two.sink.messages.entries()) {
      assertEquals(channel, "a");
      // Without a prototype of the client's own, such as that of Buffer: slice() is to copy.
      assertEquals(Object.prototype.toString.call(envelope), "[object Uint8Array]");
      assertEquals(Object.getPrototypeOf(envelope), Uint8Array.prototype);
      assert(same(envelope, sent[i]!), `message ${i}`);
    }
  });

  suite("delivers to all that have joined, itself included, and counts them or does not", async (
    { start },
  ) => {
    const [one, two, three] = [await start(), await start(), await start()];
    for (const { backplane } of [one, two]) await backplane.join(["a"]);
    await three.backplane.join(["b"]);
    const results = [
      await one.backplane.publish("a", number(1)),
      await three.backplane.publish("a", number(2)),
      await one.backplane.publish("b", number(3)),
      await one.backplane.publish("nobody", number(4)),
    ];
    assertEquals(results, counts ? [2, 2, 1, 0] : [undefined, undefined, undefined, undefined]);
    await Promise.all([one.sink.count(2), two.sink.count(2), three.sink.count(1)]);
    for (const { sink } of [one, two]) assertEquals(sink.numbers("a").sort(), [1, 2]);
    assertEquals(three.sink.numbers("b"), [3]);
  });

  suite("keeps the order of each publisher", async ({ start }) => {
    const [one, two, three] = [await start(), await start(), await start()];
    const all = [one, two, three];
    for (const { backplane } of all) await backplane.join(["a"]);
    const publishes: Promise<unknown>[] = [];
    for (let i = 0; i < many; i++) {
      publishes.push(one.backplane.publish("a", number(2 * i)));
      publishes.push(two.backplane.publish("a", number(2 * i + 1)));
    }
    await Promise.all(publishes);
    for (const { sink } of all) {
      await sink.count(2 * many);
      const numbers = sink.numbers("a");
      assertEquals(numbers.length, 2 * many);
      for (const parity of [0, 1]) {
        const own = numbers.filter((value) => value % 2 === parity);
        assertEquals(own, Array.from({ length: many }, (_, i) => 2 * i + parity));
      }
    }
  });

  suite("has one order for all, as it declares", async ({ start }) => {
    const all = [await start(), await start(), await start(), await start()];
    for (const { backplane } of all) await backplane.join(["a"]);
    // Each waits for the broker now and then, so that the publishers alternate.
    await Promise.all(all.map(async ({ backplane }, publisher) => {
      for (let i = 0; i < many / 10; i++) {
        const taken = backplane.publish("a", number(publisher * many + i));
        if (i % 7 === publisher) await taken;
      }
      await backplane.publish("a", number(publisher * many + many / 10));
    }));
    const total = all.length * (many / 10 + 1);
    const [first, ...others] = await Promise.all(all.map(async ({ sink }) => {
      await sink.count(total);
      return sink.numbers("a");
    }));
    assertEquals(first!.length, total);
    for (const other of others) assertEquals(other, first);
  }, ordered ? skip : skip || "this driver declares no order");

  suite("joins and leaves in batches, and twice is once", async ({ start }) => {
    const [one, two] = [await start(), await start()];
    await one.backplane.join(["a", "b", "c"]);
    await one.backplane.join(["b", "c", "d"]);
    await one.backplane.join([]);
    await one.backplane.leave(["b", "d"]);
    await one.backplane.leave([]);
    for (const [i, channel] of ["a", "b", "c", "d", "a"].entries()) {
      await two.backplane.publish(channel, number(i));
    }
    await one.sink.count(3);
    await one.backplane.join(["b"]);
    await two.backplane.publish("d", number(5));
    await two.backplane.publish("b", number(6));
    await one.sink.count(4);
    assertEquals(one.sink.messages.map(({ envelope }) => read(envelope)), [0, 2, 4, 6]);
  });

  suite("delivers from the moment that join() resolves, and no more once leave() has", async (
    { start },
  ) => {
    const [one, two] = [await start(), await start()];
    await one.backplane.join(["end"]);
    const expected: number[] = [];
    for (let i = 0; i < 50; i++) {
      await one.backplane.join(["a"]);
      await two.backplane.publish("a", number(2 * i));
      expected.push(2 * i);
      await one.sink.count(expected.length);
      await one.backplane.leave(["a"]);
      await two.backplane.publish("a", number(2 * i + 1));
      // It has come, or would have, before the channel is joined again.
      await two.backplane.publish("end", number(i));
      expected.push(i);
      await one.sink.count(expected.length);
    }
    assertEquals(one.sink.messages.map(({ envelope }) => read(envelope)), expected);
  });

  suite("keeps channels apart, up to 800 octets", async ({ start }) => {
    const [one, two] = [await start(), await start()];
    const long = "x".repeat(799);
    const names = ["a", "A", "a:", "a:b", "a%3Ab", "a-b_c", "0", "%25", "t:a", "i:a", "a:b:c"]
      .concat(`${long}a`, `${long}b`, long, "sansocket:t:caf%C3%A9");
    const joined = names.filter((_, i) => i % 2 === 0);
    await one.backplane.join(joined);
    for (const [i, channel] of names.entries()) await two.backplane.publish(channel, number(i));
    await two.backplane.publish("a", number(names.length));
    await one.sink.until(() => one.sink.numbers("a").length === 2, "the last");
    assertEquals(
      one.sink.messages.map(({ channel, envelope }) => [channel, read(envelope)]).sort(),
      [...joined.map((channel) => [channel, names.indexOf(channel)]), ["a", names.length]].sort(),
    );
  });

  suite("joins 10,000 channels in one call", async ({ start }) => {
    const [one, two] = [await start(), await start()];
    const names = Array.from({ length: 10_000 }, (_, i) => `room:${i}`);
    await one.backplane.join(names);
    const some = names.filter((_, i) => i % 999 === 0);
    for (const [i, channel] of some.entries()) await two.backplane.publish(channel, number(i));
    await one.sink.count(some.length);
    assertEquals(one.sink.messages.map(({ channel }) => channel).sort(), [...some].sort());
    await one.backplane.leave(names.slice(1));
    await two.backplane.publish(names[1]!, number(1));
    await two.backplane.publish(names[0]!, number(2));
    await one.sink.count(some.length + 1);
    assertEquals(one.sink.messages.at(-1)!.channel, names[0]);
  });

  suite("gives away the memory of what it delivers", async ({ start }) => {
    const [one, two, three] = [await start(), await start(), await start()];
    for (const { backplane } of [one, two]) await backplane.join(["a"]);
    const sent = Array.from({ length: 500 }, (_, i) => new Uint8Array(1 + i % 300).fill(i));
    await Promise.all(sent.map((payload) => three.backplane.publish("a", payload)));
    await one.sink.count(sent.length);
    // What one receiver writes reaches no message of its own, and none of another.
    for (const { envelope } of one.sink.messages.filter((_, i) => i % 2 === 0)) envelope.fill(0xee);
    await two.sink.count(sent.length);
    await three.backplane.publish("a", number(7));
    await one.sink.count(sent.length + 1);
    for (const [i, payload] of sent.entries()) {
      assertEquals(payload, new Uint8Array(1 + i % 300).fill(i), "the sender's own");
      if (i % 2 === 1) assert(same(one.sink.messages[i]!.envelope, payload), `message ${i}`);
      assert(same(two.sink.messages[i]!.envelope, payload), `message ${i} of the other`);
    }
    assertEquals(read(one.sink.messages.at(-1)!.envelope), 7);
  });

  suite("reports an outage, refuses meanwhile, and works when the broker is back", async (
    { broker, start },
  ) => {
    const [one, two] = [await start(), await start()];
    const all = [one, two];
    for (const { backplane } of all) await backplane.join(["a"]);
    await one.backplane.publish("a", number(1));
    for (const { sink } of all) await sink.count(1);
    for (let round = 0; round < 2; round++) {
      const back = await broker.outage!();
      for (const { sink } of all) await sink.is("down");
      for (const { backplane } of all) {
        await assertRejects(() => backplane.publish("a", number(99)));
      }
      await back();
      for (const { sink } of all) await sink.is("up");
      for (const { backplane } of all) await backplane.join(["a"]);
      const before = two.sink.messages.length;
      await one.backplane.publish("a", number(2 + round));
      for (const { sink } of all) await sink.count(before + 1);
    }
    for (const { sink } of all) {
      // What was refused is never sent later.
      assertEquals(sink.numbers("a"), [1, 2, 3]);
      assertEquals(sink.states, ["up", "down", "up", "down", "up"]);
      for (const reason of sink.reasons) assert(reason instanceof Error, String(reason));
    }
  }, away);

  suite("settles what is under way when the broker goes, and keeps the order behind that", async (
    { broker, start },
  ) => {
    const [one, two] = [await start(), await start()];
    await two.backplane.join(["a"]);
    const settled: Promise<unknown>[] = [];
    let stop = false;
    const publisher = (async () => {
      for (let i = 0; !stop; i++) {
        for (let j = 0; j < 100; j++) {
          const taken = one.backplane.publish("a", number(100 * i + j));
          settled.push(taken.catch(() => {}));
        }
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    })();
    await two.sink.count(500);
    const back = await broker.outage!();
    const joining = two.backplane.join(["b"]).catch(() => {});
    for (const { sink } of [one, two]) await sink.is("down");
    stop = true;
    await publisher;
    await Promise.all([joining, ...settled]);
    await back();
    for (const { sink } of [one, two]) await sink.is("up");
    await two.backplane.join(["a"]);
    const last = 1_000_000_000;
    await one.backplane.publish("a", number(last));
    await two.sink.until(() => two.sink.numbers("a").at(-1) === last, "the last");
    // A client may send again, or late, what it had when the broker went: no more than that.
    const numbers = two.sink.numbers("a");
    const fresh = numbers.filter((value, i) => value > Math.max(-1, ...numbers.slice(0, i)));
    assertEquals([...new Set(numbers)], fresh);
  }, away);

  suite(
    "starts while the broker is away, and is up when it is there",
    async ({ broker, start }) => {
      const one = await start();
      const back = await broker.outage!();
      await one.sink.is("down");
      const late = { ...await broker.driver(), sink: new RecordingSink() };
      late.backplane.start(late.sink);
      await assertRejects(() => late.backplane.publish("a", number(1)));
      assertEquals(late.sink.states.includes("up"), false);
      await back();
      await late.sink.is("up");
      await late.backplane.join(["a"]);
      await one.sink.is("up");
      await one.backplane.publish("a", number(2));
      await late.sink.count(1);
      assertEquals(late.sink.numbers("a"), [2]);
      await late.backplane.close();
      await late.end?.();
    },
    away,
  );

  suite("connects anew on request", async ({ start }) => {
    const [one, two] = [await start(), await start()];
    await one.backplane.join(["a"]);
    if (one.backplane.restart !== undefined) {
      one.backplane.restart();
      await one.sink.until(() => one.sink.states.length === 3, "down and up");
      assertEquals(one.sink.states, ["up", "down", "up"]);
    }
    await one.backplane.join(["a"]);
    await two.backplane.publish("a", number(1));
    await one.sink.count(1);
    await two.backplane.publish("a", number(2));
    await one.sink.count(2);
    assertEquals(one.sink.numbers("a"), [1, 2]);
    assertEquals(two.sink.states, ["up"]);
  });

  suite("ends what it has opened, nothing of the user's, and calls nothing more", async (
    { broker, start },
  ) => {
    const [one, two] = [await start(), await start()];
    for (const { backplane } of [one, two]) await backplane.join(["a"]);
    const under = Array.from({ length: 50 }, (_, i) => two.backplane.publish("a", number(i)));
    const closed = one.backplane.close();
    const { calls } = one.sink;
    await Promise.all([closed, ...under]);
    await two.sink.count(50);
    await one.works?.();
    if (outages) {
      await (await broker.outage!())();
      await two.sink.until(() => two.sink.states.length >= 3, "up again");
      await two.backplane.join(["a"]);
    }
    await two.backplane.publish("a", number(99));
    await two.sink.count(51);
    assertEquals(one.sink.calls, calls);
    await assertRejects(() => one.backplane.publish("a", number(1)));
  });

  suite("closes while it delivers", async ({ start }) => {
    const [one, two] = [await start(), await start()];
    await one.backplane.join(["a"]);
    const { sink } = one;
    const { message } = sink;
    let closed: Promise<void> | undefined;
    sink.message = (channel, envelope) => {
      message.call(sink, channel, envelope);
      if (sink.messages.length === 10) closed = one.backplane.close();
    };
    // They come in one chunk, mostly.
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => two.backplane.publish("a", number(i))),
    );
    await sink.count(10);
    await closed;
    await two.backplane.join(["a"]);
    await two.backplane.publish("a", number(100));
    await two.sink.count(1);
    assertEquals(sink.messages.length, 10);
  });

  suite("closes before it is up, and while the broker is away", async ({ broker, start }) => {
    const early = { ...await broker.driver(), sink: new RecordingSink() };
    early.backplane.start(early.sink);
    const before = early.sink.calls;
    await early.backplane.close();
    await early.works?.();
    await early.end?.();
    const one = await start();
    if (outages) {
      const back = await broker.outage!();
      await one.sink.is("down");
      await one.backplane.close();
      await back();
    }
    const two = await start();
    await two.backplane.join(["a"]);
    await two.backplane.publish("a", number(1));
    await two.sink.count(1);
    assertEquals(early.sink.calls, before);
    if (outages) assertEquals(one.sink.states, ["up", "down"]);
  });
}

/** Compares memory; assertEquals() takes seconds for a mebibyte. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
