// Who is present, in a real redis-server.

import { assert, assertEquals } from "@std/assert";
import type { PresenceEntry } from "../../../src/topics/backplane.ts";
import { redisSkip as skip } from "../../support/redis_server.ts";
import { test } from "../../support/test.ts";
import { packages, withRedis } from "./support.ts";

const CHANNEL = "sansocket:p:room";
const [ONE, TWO] = ["sansocket:l:one", "sansocket:l:two"];

function sorted(entries: readonly PresenceEntry[]): string[] {
  return entries.map(({ lease, key, info }) => `${lease} ${key} ${info}`).sort();
}

for (const name of packages) {
  test(`RedisPresence renews leases, and says which have not ended (${name})`, async () => {
    await withRedis([], async ({ server, start }) => {
      const { presence } = await start(name);
      assertEquals(await presence.renew(ONE, 30_000), false);
      assertEquals(await presence.renew(ONE, 30_000), true);
      assertEquals(await presence.renew(TWO, 20.5), false);
      await server.until(/^:0/, "EXISTS", TWO);
      assertEquals(await presence.alive([TWO, ONE, "sansocket:l:none"]), [false, true, false]);
      assertEquals(await presence.alive([]), []);
      assertEquals(await presence.renew(TWO, 30_000), false);
      assertEquals(await presence.alive([TWO]), [true]);
    });
  }, { skip });

  test(`RedisPresence has the members of processes whose lease lives (${name})`, async () => {
    await withRedis([], async ({ server, start }) => {
      const [one, two] = [await start(name), await start(name)];
      await one.presence.renew(ONE, 30_000);
      await two.presence.renew(TWO, 30_000);
      await one.presence.write(CHANNEL, ONE, new Map([["a", "1"], ["b", '{"x":" "}']]));
      await two.presence.write(CHANNEL, TWO, new Map([["a", "2"]]));
      const all = [`${ONE} a 1`, `${ONE} b {"x":" "}`, `${TWO} a 2`];
      assertEquals(sorted(await one.presence.read(CHANNEL)), all);
      const changes = new Map([["a", undefined], ["b", "3"], ["none", undefined]]);
      await one.presence.write(CHANNEL, ONE, changes);
      assertEquals(sorted(await two.presence.read(CHANNEL)), [`${ONE} b 3`, `${TWO} a 2`]);
      // A process whose lease has ended: whoever reads removes its members.
      await server.command("DEL", ONE);
      assertEquals(sorted(await two.presence.read(CHANNEL)), [`${TWO} a 2`]);
      await one.presence.renew(ONE, 30_000);
      assertEquals(sorted(await two.presence.read(CHANNEL)), [`${TWO} a 2`]);
      assertEquals(await two.presence.read("sansocket:p:other"), []);
      assert(Number((await server.command("TTL", `{${CHANNEL}}:m`)).slice(1)) > 86_000);
    });
  }, { skip });

  test(`RedisPresence takes any key, and 10,000 of them (${name})`, async () => {
    await withRedis([], async ({ start }) => {
      const { presence } = await start(name);
      await presence.renew(ONE, 30_000);
      const keys = [
        " ",
        "a b",
        "\0",
        "\r\n",
        "🎈",
        "é".repeat(127),
        "x".repeat(255),
        "{a}",
        "*",
        ":",
      ];
      await presence.write(CHANNEL, ONE, new Map(keys.map((key) => [key, JSON.stringify(key)])));
      const entries = await presence.read(CHANNEL);
      assertEquals(
        new Map(entries.map(({ key, info }) => [key, JSON.parse(info)])),
        new Map(keys.map((key) => [key, key])),
      );
      await presence.write(CHANNEL, ONE, new Map(keys.map((key) => [key, undefined])));
      const many = new Map(Array.from({ length: 10_000 }, (_, i) => [`user ${i}`, `${i}`]));
      await presence.write(CHANNEL, ONE, many);
      assertEquals((await presence.read(CHANNEL)).length, 10_000);
      await presence.write(CHANNEL, ONE, new Map([...many.keys()].map((key) => [key, undefined])));
      assertEquals(await presence.read(CHANNEL), []);
    });
  }, { skip });

  test(`RedisPresence takes 100,000 members, and removes as many dead ones (${name})`, async () => {
    await withRedis([], async ({ server, start }) => {
      const { presence } = await start(name);
      await presence.renew(ONE, 30_000);
      const many = new Map(Array.from({ length: 100_000 }, (_, i) => [`${i}`, "1"]));
      await presence.write(CHANNEL, ONE, many);
      assertEquals((await presence.read(CHANNEL)).length, 100_000);
      await server.command("DEL", ONE);
      assertEquals(await presence.read(CHANNEL), []);
      assertEquals(await server.command("EXISTS", `{${CHANNEL}}:m`), ":0\r\n");
    });
  }, { skip });

  test(`RedisPresence keeps what is written again while it is found dead (${name})`, async () => {
    await withRedis([], async ({ start }) => {
      const [one, two] = [await start(name), await start(name)];
      await one.presence.write(CHANNEL, ONE, new Map([["a", "1"], ["b", "1"]]));
      // The process comes back between the look at its lease and the removal.
      const { alive } = two.presence;
      two.presence.alive = async (leases) => {
        const found = await alive.call(two.presence, leases);
        await one.presence.renew(ONE, 30_000);
        await one.presence.write(CHANNEL, ONE, new Map([["a", "1"]]));
        return found;
      };
      assertEquals(await two.presence.read(CHANNEL), []);
      assertEquals(await one.presence.read(CHANNEL), [{ lease: ONE, key: "a", info: "1" }]);
    });
  }, { skip });
}
