// Who is present, in a bucket of a real nats-server.

import { assert, assertEquals } from "@std/assert";
import { withoutNats } from "../../support/nats_server.ts";
import { test } from "../../support/test.ts";
import { type Driver, withJetStream } from "./support.ts";

const skip = withoutNats;
const CHANNEL = "sansocket:p:room";
const [A, B] = ["sansocket:l:a", "sansocket:l:b"];

/** Who is there, in an order of their own. */
async function members({ presence }: Driver, channel = CHANNEL): Promise<string[]> {
  const entries = await presence.read(channel);
  return entries.map(({ lease, key, info }) => `${lease.slice(12)} ${key} ${info}`).sort();
}

function write({ presence }: Driver, lease: string, changes: Record<string, string | undefined>) {
  return presence.write(CHANNEL, lease, new Map(Object.entries(changes)));
}

/** The subjects that the bucket has. */
async function subjects({ api }: Driver): Promise<string[]> {
  const body = { subjects_filter: "$KV.sansocket_3Apresence.m.>" };
  const { state } = await api("STREAM.INFO.KV_sansocket_3Apresence", body) as {
    state: { subjects?: Record<string, number> };
  };
  return Object.keys(state.subjects ?? {}).sort();
}

test("NatsPresence has the members of processes whose lease lasts", async () => {
  await withJetStream(async ({ start }) => {
    const [one, two] = [await start(), await start()];
    assertEquals(await one.presence.renew(A, 60_000), false);
    assertEquals(await one.presence.renew(A, 60_000), true);
    assertEquals(await two.presence.renew(B, 60_000), false);
    assertEquals(await two.presence.alive([A, "sansocket:l:c", B]), [true, false, true]);
    assertEquals(await two.presence.alive([]), []);
    await write(one, A, { anna: `{"x":1}`, ben: "2" });
    await write(two, B, { anna: "3" });
    await two.presence.write("sansocket:p:hall", B, new Map([["carl", "4"]]));
    for (const driver of [one, two]) {
      assertEquals(await members(driver), [`a anna {"x":1}`, "a ben 2", "b anna 3"]);
      assertEquals(await members(driver, "sansocket:p:hall"), ["b carl 4"]);
    }
    await write(one, A, { anna: undefined, ben: "5", dora: undefined });
    assertEquals(await members(two), ["a ben 5", "b anna 3"]);
    assertEquals(await subjects(two), [
      "$KV.sansocket_3Apresence.m.hall.b.kcarl",
      "$KV.sansocket_3Apresence.m.room.a.kben",
      "$KV.sansocket_3Apresence.m.room.b.kanna",
    ]);
  });
}, { skip });

test("NatsPresence takes out who has not renewed a lease, and not who has come back", async () => {
  await withJetStream(async ({ start }) => {
    const [one, two] = [await start(), await start()];
    await one.presence.renew(A, 50);
    await two.presence.renew(B, 60_000);
    await write(one, A, { anna: "1" });
    await write(two, B, { ben: "2" });
    // The server's clock drives this.
    while ((await two.presence.alive([A]))[0]);
    assertEquals(await members(two), ["b ben 2"]);
    assertEquals(await subjects(two), ["$KV.sansocket_3Apresence.m.room.b.kben"]);
    assertEquals(await one.presence.renew(A, 60_000), false);
    assertEquals(await members(two), ["b ben 2"]);
    await write(one, A, { anna: "3" });
    assertEquals(await members(two), ["a anna 3", "b ben 2"]);
    assertEquals(await one.presence.renew(A, 0), true);
    assertEquals(await two.presence.alive([A, B]), [false, true]);
  });
}, { skip });

test("NatsPresence reads no clock of a process", async () => {
  await withJetStream(async ({ start }) => {
    const [one, two] = [await start(), await start()];
    const { now } = Date;
    try {
      Date.now = () => now() + 60_000;
      await one.presence.renew(A, 30_000);
      await write(one, A, { anna: "1" });
      Date.now = () => now() - 60_000;
      assertEquals(await two.presence.alive([A]), [true]);
      assertEquals(await members(two), ["a anna 1"]);
      assertEquals(await two.presence.renew(A, 30_000), true);
    } finally {
      Date.now = now;
    }
  });
}, { skip });

test("NatsPresence takes any key and the longest names", async () => {
  await withJetStream(async ({ start }) => {
    const one = await start();
    const channel = "sansocket:p:".padEnd(800, "%C3");
    const keys = [
      ...[
        "",
        "a",
        "a.b",
        "*",
        ">",
        " ",
        "\0",
        "\r\n",
        "=",
        "=20",
        "%20",
        "ä",
        "🎈",
        "k",
        "A",
        "__proto__",
      ],
      ...["x".repeat(255), "é".repeat(127), ".".repeat(255)],
    ];
    const info = JSON.stringify({ text: 'é\n"🎈'.repeat(50) });
    await one.presence.renew(A, 60_000);
    await one.presence.write(channel, A, new Map(keys.map((key) => [key, info])));
    const entries = await one.presence.read(channel);
    assertEquals(entries.map(({ key }) => key).sort(), [...keys].sort());
    assert(entries.every((entry) => entry.info === info && entry.lease === A));
    await one.presence.write(channel, A, new Map(keys.map((key) => [key, undefined])));
    assertEquals(await one.presence.read(channel), []);
  });
}, { skip });

test("NatsPresence has 10,000 members of two processes", async () => {
  await withJetStream(async ({ start }) => {
    const [one, two] = [await start(), await start()];
    for (const [driver, lease] of [[one, A], [two, B]] as const) {
      await driver.presence.renew(lease, 60_000);
      const changes = Array.from({ length: 5_000 }, (_, i) => [`${lease} ${i}`, "{}"] as const);
      await driver.presence.write(CHANNEL, lease, new Map(changes));
    }
    const entries = await one.presence.read(CHANNEL);
    assertEquals(new Set(entries.map(({ key }) => key)).size, 10_000);
    assertEquals(entries.length, 10_000);
  });
}, { skip });

test("NatsPresence outlives a crash of the server, and shows when its data was lost", async () => {
  await withJetStream(async ({ server, start }) => {
    const one = await start();
    await one.presence.renew(A, 60_000);
    await write(one, A, { anna: "1" });
    for (const lose of [false, true]) {
      await server.kill();
      await one.sink.is("down");
      if (lose) await server.loseData();
      await server.restart();
      await one.sink.is("up");
      assertEquals(await one.presence.renew(A, 60_000), !lose);
      assertEquals(await members(one), lose ? [] : ["a anna 1"]);
    }
    await one.api("STREAM.DELETE.KV_sansocket_3Apresence");
    assertEquals(await members(one), []);
    assertEquals(await one.presence.renew(A, 60_000), false);
    assertEquals(await one.presence.renew(A, 60_000), true);
  });
}, { skip });
