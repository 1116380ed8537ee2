// One direction of a link, by itself.

import { assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { createClock } from "@sansocket/ws/testing";
import { Wire } from "../../src/testing/wire.ts";
import { test } from "../support/test.ts";

/** A wire, and what arrives at its end with the time. */
function lay(): { wire: Wire; arrived: string[]; clock: ReturnType<typeof createClock> } {
  const clock = createClock();
  const arrived: string[] = [];
  const wire = new Wire({
    arrive: (chunk) => arrived.push(`${encodeHex(chunk)} ${clock.now}`),
    arriveEnd: () => arrived.push(`end ${clock.now}`),
  }, clock.source);
  return { wire, arrived, clock };
}

test("Wire lets everything through at once, the end once", () => {
  const { wire, arrived } = lay();
  wire.push(decodeHex("0102"));
  wire.push(decodeHex(""));
  wire.end();
  wire.end();
  wire.push(decodeHex("03"));
  assertEquals([arrived, wire.size], [["0102 0", "end 0"], 0]);
});

test("Wire that is held keeps what comes, and its order", () => {
  const { wire, arrived } = lay();
  wire.held = true;
  wire.push(decodeHex("01"));
  wire.push(decodeHex("02"));
  wire.end();
  assertEquals([arrived, wire.size, wire.held], [[], 2, true]);
  wire.held = false;
  assertEquals(arrived, ["01 0", "02 0", "end 0"]);
});

test("Wire cutTo() drops the rest, but not the end", () => {
  const { wire, arrived } = lay();
  wire.held = true;
  wire.push(decodeHex("010203"));
  wire.push(decodeHex("0405"));
  wire.end();
  wire.cutTo(2);
  wire.held = false;
  assertEquals(arrived, ["0102 0", "end 0"]);
});

test("Wire delays each part by itself", async () => {
  const { wire, arrived, clock } = lay();
  wire.delay = 100;
  wire.push(decodeHex("01"));
  await clock.advance(60);
  wire.push(decodeHex("02"));
  wire.end();
  await clock.advance(200);
  assertEquals(arrived, ["01 100", "02 160", "end 160"]);
});

test("Wire that is slow takes its time for each octet", async () => {
  const { wire, arrived, clock } = lay();
  wire.rate = 200;
  wire.push(decodeHex("0102030405"));
  wire.end();
  await clock.advance(100);
  assertEquals(arrived, ["0102 10", "0304 20", "05 25", "end 25"]);
});

test("Wire clear() drops what is under way", async () => {
  const { wire, arrived, clock } = lay();
  wire.delay = 5;
  wire.push(decodeHex("01"));
  wire.clear();
  await clock.advance(10);
  assertEquals([arrived, clock.pending], [[], []]);
});
