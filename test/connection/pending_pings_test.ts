import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { decodeHex } from "@std/encoding";
import { PendingPings } from "../../src/connection/pending_pings.ts";
import { systemClock } from "../../src/util/clock.ts";
import { ConnectionClosed } from "../../src/protocol/errors.ts";
import { closeInfo } from "../support/close_info.ts";
import { isPending } from "../support/connections.ts";
import { test } from "../support/test.ts";

test("PendingPings answer() resolves its Ping and those before it, and tells the last round trip", async () => {
  const pings = new PendingPings(systemClock);
  const [a, b, c] = ["01", "02", "03"].map((hex) => pings.add(decodeHex(hex)));
  const last = pings.answer(decodeHex("02"));
  assert(last !== undefined && last >= 0);
  assert(await a! >= await b!);
  assertEquals(await b, last);
  assertEquals(await isPending(c!), true);
});

test("PendingPings answer() to no Ping resolves none", async () => {
  const pings = new PendingPings(systemClock);
  const ping = pings.add(decodeHex("0102"));
  for (const hex of ["", "01", "0103", "010203"]) {
    assertEquals(pings.answer(decodeHex(hex)), undefined);
  }
  assertEquals(await isPending(ping), true);
});

test("PendingPings closed() rejects all that wait with how the connection ended", async () => {
  const pings = new PendingPings(systemClock);
  const all = [pings.add(decodeHex("01")), pings.add(decodeHex("02"))];
  const info = closeInfo({ code: 4000, reason: "gone" });
  pings.closed(info);
  for (const ping of all) {
    const error = await assertRejects(() => ping, ConnectionClosed, "gone");
    assertStrictEquals(error.info, info);
  }
  assertEquals(pings.answer(decodeHex("01")), undefined);
});
