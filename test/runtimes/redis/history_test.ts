// The history of channels in a real redis-server.

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { Redis } from "ioredis";
import { createTopics } from "@sansocket/ws";
import { redisBackplane } from "@sansocket/ws/redis";
import { splitMessage } from "../../../runtimes/redis/history.ts";
import type { HistoryStore, Retention, StorePage } from "../../../src/topics/backplane.ts";
import { redisSkip as skip } from "../../support/redis_server.ts";
import { test } from "../../support/test.ts";
import { packages, withRedis } from "./support.ts";

const CHANNEL = "sansocket:h:room";
const KEPT = { size: 100, ttl: 300_000 };
const forms = [[], ["sharded"]] as const;

/** An envelope: its version, and a number. */
function envelope(number: number): Uint8Array {
  return new Uint8Array([0x01, number >> 8, number & 0xff]);
}

function read(bytes: Uint8Array): number {
  return bytes[1]! * 256 + bytes[2]!;
}

function numbers({ messages }: StorePage): number[] {
  return messages.map(({ envelope }) => read(envelope));
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function publish(
  history: HistoryStore,
  first: number,
  last: number,
  retention: Retention = KEPT,
) {
  return Promise.all(
    range(first, last).map((one) => history.publish(CHANNEL, envelope(one), retention)),
  );
}

for (const name of packages) {
  for (const [form] of forms) {
    const title = form === undefined ? name : `${name}, ${form}`;
    const options = { sharded: form === "sharded" };

    test(`RedisHistory numbers, keeps and delivers by one command (${title})`, async () => {
      await withRedis([], async ({ server, start }) => {
        const [one, two] = [await start(name, options), await start(name, options)];
        await two.backplane.join([CHANNEL]);
        const before = Number(
          /cmdstat_eval:calls=(\d+)/.exec(await server.command("INFO", "commandstats"))?.[1] ?? 0,
        );
        const receipts = await publish(one.history, 1, 3);
        const after = Number(
          /cmdstat_eval:calls=(\d+)/.exec(await server.command("INFO", "commandstats"))![1],
        );
        assertEquals(after - before, 3);
        const { epoch } = receipts[0]!;
        assert(/^[0-9a-f]{16}$/.test(epoch), epoch);
        assertEquals(receipts, range(1, 3).map((offset) => ({ epoch, offset, receivers: 1 })));
        await one.backplane.publish(CHANNEL, envelope(4));
        await two.sink.until(() => two.sink.messages.length === 4, "4 messages");
        assertEquals(two.sink.messages.map(({ envelope }) => read(envelope)), range(1, 4));
        assertEquals(two.sink.positions, [
          ...range(1, 3).map((offset) => ({ epoch, offset, previous: offset - 1 })),
          undefined,
        ]);
        const page = await two.history.read(CHANNEL, undefined, 10, KEPT);
        assertEquals([page.epoch, page.offset, numbers(page)], [epoch, 3, [1, 2, 3]]);
      });
    }, { skip });
  }

  test(`RedisHistory has one order for two publishers (${name})`, async () => {
    await withRedis([], async ({ start }) => {
      const [one, two, three] = [await start(name), await start(name), await start(name)];
      await Promise.all([one, three].map(({ backplane }) => backplane.join([CHANNEL])));
      await Promise.all([publish(one.history, 1, 2_000), publish(two.history, 2_001, 4_000)]);
      for (const { sink } of [one, three]) {
        await sink.until(() => sink.messages.length === 4_000, "4,000 messages");
        assertEquals(sink.offsets(), range(1, 4_000));
      }
      const heard = one.sink.messages.map(({ envelope }) => read(envelope));
      assertEquals(three.sink.messages.map(({ envelope }) => read(envelope)), heard);
      for (const [first, last] of [[1, 2_000], [2_001, 4_000]] as const) {
        assertEquals(heard.filter((one) => one >= first && one <= last), range(first, last));
      }
    });
  }, { skip });

  test(`RedisHistory reads from anywhere, and says what has gone (${name})`, async () => {
    await withRedis([], async ({ start }) => {
      const { history } = await start(name);
      const kept = { size: 5, ttl: 300_000 };
      const read = async (after: number | undefined, limit: number) => {
        const page = await history.read(CHANNEL, after, limit, kept);
        return [
          numbers(page),
          page.messages.map(({ offset }) => offset),
          page.offset,
          page.complete,
        ];
      };
      assertEquals(await read(undefined, 10), [[], [], 0, true]);
      assertEquals(await read(0, 10), [[], [], 0, true]);
      const { epoch } = await history.read(CHANNEL, undefined, 10, kept);
      const [receipt] = await publish(history, 11, 15, kept);
      assertEquals(receipt!.epoch, epoch);
      assertEquals(await read(0, 10), [range(11, 15), range(1, 5), 5, true]);
      await publish(history, 16, 17, kept);
      assertEquals((await read(undefined, 10)).slice(0, 3), [range(13, 17), range(3, 7), 7]);
      assertEquals((await read(undefined, 2)).slice(0, 3), [range(16, 17), range(6, 7), 7]);
      assertEquals(await read(0, 10), [range(13, 17), range(3, 7), 7, false]);
      assertEquals(await read(1, 10), [range(13, 17), range(3, 7), 7, false]);
      assertEquals(await read(2, 10), [range(13, 17), range(3, 7), 7, true]);
      assertEquals(await read(2, 2), [[13, 14], [3, 4], 7, true]);
      assertEquals(await read(1, 2), [[13, 14], [3, 4], 7, false]);
      assertEquals(await read(4, 2), [[15, 16], [5, 6], 7, true]);
      assertEquals(await read(6, 2), [[17], [7], 7, true]);
      assertEquals(await read(7, 2), [[], [], 7, true]);
      assertEquals(await read(9, 2), [[], [], 7, true]);
    });
  }, { skip });

  test(`RedisHistory keeps a message for ttl, by the server's clock (${name})`, async () => {
    await withRedis([], async ({ server, start }) => {
      const { history } = await start(name);
      const kept = { size: 100, ttl: 150 };
      await publish(history, 1, 2, kept);
      await server.until(/^:0/, "EXISTS", `{${CHANNEL}}:s`);
      const page = await history.read(CHANNEL, undefined, 10, kept);
      assertEquals([numbers(page), page.offset], [[], 2]);
      assertEquals((await history.read(CHANNEL, 1, 10, kept)).complete, false);
      assertEquals((await history.read(CHANNEL, 2, 10, kept)).complete, true);
      const [receipt] = await publish(history, 3, 3, kept);
      assertEquals([receipt!.epoch, receipt!.offset], [page.epoch, 3]);
      // One that is too old goes when another is published, and is not read before.
      await server.until(/^:0/, "EXISTS", `{${CHANNEL}}:s`);
      await publish(history, 4, 4, { size: 100, ttl: 100_000 });
      let read = await history.read(CHANNEL, undefined, 10, { size: 100, ttl: 150 });
      while (numbers(read).length > 0) {
        read = await history.read(CHANNEL, undefined, 10, { size: 100, ttl: 150 });
      }
      assertEquals(numbers(await history.read(CHANNEL, undefined, 10, KEPT)), [4]);
    });
  }, { skip });

  test(
    `RedisHistory begins anew when its counter is gone, and with it all messages (${name})`,
    async () => {
      await withRedis(
        ["--appendonly", "yes", "--appendfsync", "always"],
        async ({ server, start }) => {
          const { history, sink } = await start(name);
          const [first] = await publish(history, 1, 3);
          // A server that is killed and keeps its data goes on.
          await server.kill();
          await sink.is("down");
          await assertRejects(() => history.read(CHANNEL, 0, 10, KEPT), Error, "Redis is away");
          await server.restart();
          await sink.is("up");
          const [second] = await publish(history, 4, 4);
          assertEquals(second, { ...first!, offset: 4 });
          for (const command of [["DEL", `{${CHANNEL}}:n`], ["FLUSHALL"]]) {
            const before = await history.read(CHANNEL, undefined, 10, KEPT);
            await server.command(...command);
            const [anew] = await publish(history, 5, 5);
            assertNotEquals(anew!.epoch, before.epoch);
            assertEquals(anew!.offset, 1);
            assertEquals(numbers(await history.read(CHANNEL, undefined, 10, KEPT)), [5]);
          }
          const { epoch } = await history.read(CHANNEL, undefined, 10, KEPT);
          await server.command("DEL", `{${CHANNEL}}:n`);
          const page = await history.read(CHANNEL, 1, 10, KEPT);
          assertNotEquals(page.epoch, epoch);
          assertEquals([numbers(page), page.offset], [[], 0]);
        },
      );
    },
    { skip },
  );

  test(`RedisHistory carries any octets on any channel (${name})`, async () => {
    await withRedis([], async ({ server, start }) => {
      const { backplane, history, sink } = await start(name);
      const bytes = Uint8Array.from({ length: 1_024 }, (_, i) => i === 0 ? 0x01 : i & 0xff);
      const channels = [`app.x:h:${"%00".repeat(255)}`, "a:h:-_%20", `b:h:${"x".repeat(255)}`];
      await backplane.join(channels);
      for (const channel of channels) {
        await history.publish(channel, bytes, KEPT);
        await history.publish(channel, bytes.subarray(0, 1), KEPT);
        const { messages } = await history.read(channel, 0, 10, KEPT);
        assertEquals(messages.map(({ envelope }) => envelope), [bytes, bytes.slice(0, 1)]);
      }
      await sink.until(() => sink.messages.length === 6, "6 messages");
      assertEquals(
        sink.messages.map(({ channel }) => channel),
        channels.flatMap((one) => [one, one]),
      );
      for (const [i, { envelope }] of sink.messages.entries()) {
        assertEquals(envelope, i % 2 === 0 ? bytes : bytes.slice(0, 1));
      }
      // Nothing stays for ever.
      const keys = (await server.command("KEYS", "*")).match(/\{\S+/g)!;
      assertEquals(keys.length, 6);
      for (const key of keys) {
        const life = Number((await server.command("PTTL", key)).slice(1));
        assert(life > 0 && life <= 86_400_000, `${key} ${life}`);
      }
    });
  }, { skip });

  test(`RedisHistory says what a user needs who may not run scripts (${name})`, async () => {
    for (const refused of ["-eval", "-xadd", "-publish", "resetchannels"]) {
      await withRedis([], async ({ server, start }) => {
        const user = ["on", ">secret", "~*", "&*", "+@all", refused];
        await server.command("ACL", "SETUSER", "some", ...user);
        const { history } = await start(name, { username: "some" });
        await assertRejects(
          () => history.publish(CHANNEL, envelope(1), KEPT),
          Error,
          "let its user run EVAL",
        );
      });
    }
  }, { skip });
}

test("RedisHistory works with a prefix of keys, and refuses one where it cannot", async () => {
  await withRedis([], async ({ start }) => {
    const { backplane, history, sink } = await start("ioredis", { keyPrefix: "app:" });
    await backplane.join([CHANNEL]);
    await publish(history, 1, 2);
    await sink.until(() => sink.messages.length === 2, "2 messages");
    assertEquals(numbers(await history.read(CHANNEL, 0, 10, KEPT)), [1, 2]);
  });
  const client = new Redis({ lazyConnect: true, keyPrefix: "app:" });
  const backplane = redisBackplane(client, { sharded: true });
  assertThrows(
    () => createTopics({ backplane, history: [{ prefix: "" }] }),
    TypeError,
    "got Redis with sharded and keyPrefix",
  );
  client.disconnect();
  assertThrows(() => redisBackplane({} as never), TypeError);
}, { skip });

test("splitMessage tells a position from an envelope, and takes nothing else for one", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const position = { epoch: "0123456789abcdef", offset: 17, previous: 16 };
  assertEquals(splitMessage(bytes("0123456789abcdef 17 \x01x")), [bytes("\x01x"), position]);
  for (
    const text of ["", " ", "\x01 1 x", "a", "a ", "a b c", "a 0 x", " 1 x", "a 1.5 x", "a 1x"]
      .concat(`${"a".repeat(65)} 1 x`, `a ${"1".repeat(20)} x`)
  ) {
    assertEquals(splitMessage(bytes(text)), [bytes(text)], text);
  }
});
