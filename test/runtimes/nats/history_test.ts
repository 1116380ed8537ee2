// The history of topics in JetStream of a real nats-server.

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { headers } from "@nats-io/transport-node";
import { startNats, withoutNats } from "../../support/nats_server.ts";
import { test } from "../../support/test.ts";
import { number } from "../../topics/backplane_suite.ts";
import { type Driver, startDriver, withJetStream } from "./support.ts";

const skip = withoutNats;
const CHANNEL = "sansocket:h:room";
const KEPT = { size: 100, ttl: 300_000 };

/** Publishes numbers: from the first to the last. */
function publish({ history }: Driver, first: number, last: number, channel = CHANNEL) {
  const numbers = Array.from({ length: last - first + 1 }, (_, i) => number(first + i));
  return Promise.all(numbers.map((one) => history.publish(channel, one, KEPT)));
}

/** What a page has, as numbers. */
function numbers(page: { readonly messages: readonly { readonly envelope: Uint8Array }[] }) {
  return page.messages.map(({ envelope }) => new DataView(envelope.buffer).getUint32(0));
}

test("natsBackplane keeps neither history nor presence without JetStream", async () => {
  const server = await startNats();
  const { backplane, end } = await startDriver(server);
  assertEquals([backplane.history, backplane.presence], [undefined, undefined]);
  await end();
  await server.stop();
}, { skip });

test(
  "NatsHistory numbers, keeps and delivers, and what is published beside it as it is",
  async () => {
    await withJetStream(async ({ start }) => {
      const [one, two] = [await start(), await start()];
      await two.backplane.join([CHANNEL]);
      const receipts = await publish(one, 1, 3);
      const epoch = receipts[0]!.epoch;
      assert(/^\w{1,64}$/.test(epoch), epoch);
      assertEquals(receipts, [1, 2, 3].map((offset) => ({ epoch, offset, receivers: undefined })));
      await two.sink.count(3);
      await one.backplane.publish(CHANNEL, number(4));
      await two.sink.count(4);
      assertEquals(two.sink.numbers(CHANNEL), [1, 2, 3, 4]);
      assertEquals(two.sink.positions, [
        { epoch, offset: 1, previous: 0 },
        { epoch, offset: 2, previous: 1 },
        { epoch, offset: 3, previous: 2 },
        undefined,
      ]);
      const page = await two.history.read(CHANNEL, undefined, 10, KEPT);
      assertEquals([page.epoch, page.offset, numbers(page)], [epoch, 3, [1, 2, 3]]);
    });
  },
  { skip },
);

test("NatsHistory has one order for two publishers, and previous links it", async () => {
  await withJetStream(async ({ start }) => {
    const [one, two, three] = [await start(), await start(), await start()];
    await Promise.all([one, three].map(({ backplane }) => backplane.join([CHANNEL])));
    // The stream is there before two publish to it.
    await one.history.read(CHANNEL, undefined, 1, KEPT);
    await Promise.all([publish(one, 1, 1_000), publish(two, 1_001, 2_000)]);
    await Promise.all([one, three].map(({ sink }) => sink.count(2_000)));
    // The server republishes some a little out of order, and on a busy machine by more than the driver
    // waits for: then the topics read what is missing. Their places are the same for all.
    const [here, there] = [one, three].map(({ sink }) => {
      const places = sink.numbers(CHANNEL).map((number, i) =>
        [number, sink.positions[i]!] as const
      );
      return places.sort(([, a], [, b]) => a.offset - b.offset);
    });
    assertEquals(here, there);
    const all = Array.from({ length: 2_000 }, (_, i) => i + 1);
    assertEquals(here!.map(([, { offset }]) => offset), all);
    assertEquals(here!.map(([, { previous }]) => previous + 1), all);
    const own = here!.map(([number]) => number).filter((number) => number <= 1_000);
    assertEquals(own, all.slice(0, 1_000));
  });
}, { skip });

test("NatsHistory reads what is after an offset, and says when it is not certain", async () => {
  await withJetStream(async ({ start }) => {
    const one = await start();
    const read = async (after: number | undefined, limit: number) => {
      const page = await one.history.read(CHANNEL, after, limit, KEPT);
      return [page.offset, numbers(page), page.complete];
    };
    const range = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i);
    assertEquals(await read(undefined, 10), [0, [], true]);
    assertEquals(await read(0, 10), [0, [], true]);
    await publish(one, 1, 100);
    assertEquals(await read(0, 100), [100, range(1, 100), true]);
    assertEquals(await read(0, 3), [100, [1, 2, 3], true]);
    assertEquals(await read(undefined, 3), [100, [98, 99, 100], true]);
    assertEquals(await read(98, 100), [100, [99, 100], true]);
    assertEquals(await read(100, 100), [100, [], true]);
    assertEquals(await read(101, 100), [100, [], false]);
    await publish(one, 101, 110);
    assertEquals(await read(9, 100), [110, range(11, 110), false]);
    assertEquals(await read(10, 100), [110, range(11, 110), true]);
    assertEquals(await read(undefined, 100), [110, range(11, 110), true]);
    // Another topic in the same stream: the offsets of both have holes.
    await publish(one, 1, 5, "sansocket:h:hall");
    await publish(one, 111, 111);
    assertEquals(await read(110, 100), [116, [111], true]);
    assertEquals(await read(112, 100), [116, [111], true]);
  });
}, { skip });

test("NatsHistory counts anew, and says so, when its stream was deleted", async () => {
  await withJetStream(async ({ start }) => {
    const [one, two] = [await start(), await start()];
    await two.backplane.join([CHANNEL]);
    const { epoch } = (await publish(one, 1, 10))[0]!;
    await two.sink.count(10);
    const { streams } = await one.api("STREAM.NAMES") as { streams: string[] };
    assertEquals(streams, ["sansocket_3Ah-100-300000"]);
    await one.api(`STREAM.DELETE.${streams[0]}`);
    await assertRejects(() => publish(one, 11, 11), Error, "no stream listens there (503)");
    const [receipt] = await publish(one, 12, 12);
    assertEquals(receipt?.offset, 1);
    assertNotEquals(receipt?.epoch, epoch);
    await two.sink.count(11);
    assertEquals(two.sink.positions.at(-1), { epoch: receipt!.epoch, offset: 1, previous: 0 });
    const page = await two.history.read(CHANNEL, undefined, 10, KEPT);
    assertEquals([page.epoch, page.offset, numbers(page)], [receipt!.epoch, 1, [12]]);
  });
}, { skip });

test(
  "NatsHistory goes on after a crash of the server, or counts anew without its data",
  async () => {
    await withJetStream(async ({ server, start }) => {
      const [one, two] = [await start(), await start()];
      await two.backplane.join([CHANNEL]);
      const { epoch } = (await publish(one, 1, 10))[0]!;
      await two.sink.count(10);
      const again = async (lose: boolean) => {
        await server.kill();
        await Promise.all([one.sink.is("down"), two.sink.is("down")]);
        await assertRejects(() => one.history.publish(CHANNEL, number(0), KEPT));
        await assertRejects(() => one.history.read(CHANNEL, 0, 1, KEPT));
        if (lose) await server.loseData();
        await server.restart();
        await Promise.all([one.sink.is("up"), two.sink.is("up")]);
        await two.backplane.join([CHANNEL]);
      };
      await again(false);
      assertEquals((await publish(one, 11, 11))[0], { epoch, offset: 11, receivers: undefined });
      await two.sink.count(11);
      assertEquals(two.sink.positions.at(-1), { epoch, offset: 11, previous: 10 });
      assertEquals(numbers(await two.history.read(CHANNEL, 8, 10, KEPT)), [9, 10, 11]);
      await again(true);
      const [receipt] = await publish(one, 12, 12);
      assertEquals(receipt?.offset, 1);
      assertNotEquals(receipt?.epoch, epoch);
      await two.sink.count(12);
      assertEquals(two.sink.positions.at(-1)?.epoch, receipt?.epoch);
    });
  },
  { skip },
);

test("NatsHistory keeps a message for the ttl, and says what may have gone with it", async () => {
  await withJetStream(async ({ start }) => {
    const one = await start();
    const kept = { size: 10, ttl: 200 };
    const { epoch } = await one.history.publish(CHANNEL, number(1), kept);
    // The server's clock drives this: what it keeps goes by itself.
    let page = await one.history.read(CHANNEL, 0, 10, kept);
    assertEquals([numbers(page), page.complete], [[1], true]);
    while (page.messages.length > 0) page = await one.history.read(CHANNEL, 0, 10, kept);
    assertEquals(page, { epoch, offset: 1, messages: [], complete: false });
    assertEquals((await one.history.read(CHANNEL, 1, 10, kept)).complete, true);
    assertEquals((await one.history.publish(CHANNEL, number(2), kept)).offset, 2);
    page = await one.history.read(CHANNEL, 1, 10, kept);
    assertEquals([numbers(page), page.complete], [[2], true]);
  });
}, { skip });

test("NatsHistory keeps one message alone, and topics of other sizes beside it", async () => {
  await withJetStream(async ({ start }) => {
    const one = await start();
    await one.backplane.join([CHANNEL, "sansocket:h:hall"]);
    const [least, most] = [{ size: 1, ttl: 60_000 }, { size: 10_000, ttl: 86_400_000 }];
    for (let i = 1; i <= 3; i++) await one.history.publish(CHANNEL, number(i), least);
    await one.history.publish("sansocket:h:hall", number(4), most);
    const page = await one.history.read(CHANNEL, 1, 10, least);
    assertEquals([page.offset, numbers(page), page.complete], [3, [3], false]);
    assertEquals((await one.history.read(CHANNEL, 2, 10, least)).complete, true);
    assertEquals(numbers(await one.history.read("sansocket:h:hall", 0, 10, most)), [4]);
    await one.sink.count(4);
    assertEquals(one.sink.offsets(), [1, 2, 3, 1]);
  });
}, { skip });

test("NatsHistory takes any octets and the longest names, and reads 10,000 messages", async () => {
  await withJetStream(async ({ start }) => {
    const one = await start();
    const prefix = "a.b-c:d_e%".slice(0, 9).padEnd(31, "x");
    const channel = `${prefix}:h:`.padEnd(800, "%C3");
    const kept = { size: 10_000, ttl: 3_600_000 };
    await one.backplane.join([channel]);
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const large = new Uint8Array(1_048_576).fill(0xff);
    for (const envelope of [all, new Uint8Array(0), large]) {
      await one.history.publish(channel, envelope, kept);
    }
    await one.sink.count(3);
    const page = await one.history.read(channel, 0, 10, kept);
    for (const messages of [one.sink.messages, page.messages]) {
      assertEquals(messages.map(({ envelope }) => envelope.length), [256, 0, 1_048_576]);
      assertEquals(messages[0]!.envelope, all);
    }
    await assertRejects(() => one.history.publish(channel, new Uint8Array(1_048_577), kept));
    await Promise.all(
      Array.from({ length: 10_000 }, (_, i) => one.history.publish(channel, number(i), kept)),
    );
    const expected = Array.from({ length: 10_000 }, (_, i) => i);
    assertEquals(numbers(await one.history.read(channel, 3, 10_000, kept)), expected);
    assertEquals(numbers(await one.history.read(channel, undefined, 10_000, kept)), expected);
    assertEquals(
      numbers(await one.history.read(channel, undefined, 5, kept)),
      expected.slice(-5),
    );
  });
}, { skip });

test("NatsHistory reads more octets than one pull takes", async () => {
  await withJetStream(async ({ start }) => {
    const one = await start();
    const large = new Uint8Array(1_000_000);
    for (let i = 0; i < 20; i++) await one.history.publish(CHANNEL, large, KEPT);
    const { messages } = await one.history.read(CHANNEL, undefined, 100, KEPT);
    assertEquals(messages.map(({ offset }) => offset), Array.from({ length: 20 }, (_, i) => i + 1));
  });
}, { skip });

test("NatsHistory has no hole between a page and what is live, however much comes", async () => {
  await withJetStream(async ({ start }) => {
    const [one, two] = [await start(), await start()];
    const kept = { size: 1_000, ttl: 60_000 };
    let last = 0;
    let over = false;
    const publishing = (async () => {
      while (!over) {
        const burst = Array.from(
          { length: 100 },
          () => one.history.publish(CHANNEL, number(++last), kept),
        );
        await Promise.all(burst);
      }
    })();
    while (last < 1_000) await one.history.publish(CHANNEL, number(++last), kept);
    for (let round = 0; round < 20; round++) {
      await two.backplane.join([CHANNEL]);
      const from = two.sink.messages.length;
      const page = await two.history.read(CHANNEL, undefined, 200, kept);
      await two.sink.until(() => (two.sink.offsets().at(-1) ?? 0) > page.offset, "live messages");
      const live = two.sink.offsets().slice(from).filter((offset) => offset! > page.offset);
      const offsets = [...page.messages.map(({ offset }) => offset), ...live];
      const first = offsets[0]!;
      assertEquals(offsets, Array.from({ length: offsets.length }, (_, i) => first + i));
      const missed = await two.history.read(CHANNEL, page.offset - 50, 1_000, kept);
      assertEquals(missed.messages[0]?.offset, page.offset - 49);
      await two.backplane.leave([CHANNEL]);
    }
    over = true;
    await publishing;
    assert(last > 2_000);
  });
}, { skip });

test(
  "NatsHistory is refused by NATS: a publish and a read reject, and say what is missing",
  async () => {
    const config = `authorization { users: [{ user: u, password: p, permissions: {
    publish: { allow: ["app.>"] } } }] }`;
    await withJetStream(
      async ({ start }) => {
        const one = await start();
        for (
          const call of [
            () => one.history.publish("app.h:a", number(1), KEPT),
            () => one.history.read("app.h:a", 0, 1, KEPT),
            () => one.presence.renew("app.l:a", 1_000),
            () => one.presence.read("app.p:a"),
          ]
        ) {
          const error = await assertRejects(call, Error);
          assert(error.message.includes("$JS.API.STREAM.INFO"), error.message);
        }
        assertEquals(one.sink.states, ["up"]);
      },
      config,
      { user: "u", pass: "p" },
    );
  },
  { skip },
);

test(
  "NatsHistory puts right what comes early, and waits for what is missing only a moment",
  async () => {
    await withJetStream(async ({ start }) => {
      const [one, two] = [await start(), await start()];
      await one.backplane.join([CHANNEL]);
      const { epoch } = (await publish(two, 1, 1))[0]!;
      await one.sink.count(1);
      // As the server republishes when two publish at once.
      for (const [offset, previous] of [[4, 3], [3, 2], [2, 1], [7, 6]] as const) {
        const fields = headers();
        fields.set("Nats-Stream", "sansocket_3Ah-100-300000");
        fields.set("Nats-Sequence", `${offset}`);
        fields.set("Nats-Last-Sequence", `${previous}`);
        two.connection.publish("sansocket:h.live.room", number(offset), { headers: fields });
      }
      await one.sink.count(5);
      assertEquals(one.sink.numbers(CHANNEL), [1, 2, 3, 4, 7]);
      assertEquals(one.sink.positions.at(-1), { epoch, offset: 7, previous: 6 });
      // One that does not follow, in the same stream, is delivered all the same.
      await publish(two, 2, 2);
      await one.sink.count(6);
      assertEquals(one.sink.positions.at(-1), { epoch, offset: 2, previous: 1 });
    });
  },
  { skip },
);

test(
  "NatsHistory and NatsPresence reject what is under way when the connection is lost",
  async () => {
    await withJetStream(async ({ server, start }) => {
      const { history, presence, backplane, sink } = await start();
      await history.publish(CHANNEL, number(1), KEPT);
      await presence.renew("sansocket:l:a", 60_000);
      await server.freeze();
      const calls = [
        history.publish(CHANNEL, number(2), KEPT),
        history.read(CHANNEL, 0, 10, KEPT),
        presence.renew("sansocket:l:a", 60_000),
        presence.read("sansocket:p:a"),
      ].map((call) => assertRejects(() => call, Error, "NATS"));
      backplane.restart!();
      await sink.is("down");
      await Promise.all(calls);
      await assertRejects(() => history.publish(CHANNEL, number(3), KEPT), Error, "NATS");
      server.thaw();
      await sink.is("up");
      const receipt = await history.publish(CHANNEL, number(4), KEPT);
      assert(receipt.offset >= 2);
    });
  },
  { skip },
);
