// What was heard of other publishers: holes, generations, and who is forgotten.

import { assertEquals } from "@std/assert";
import { type Envelope, Kind } from "../../src/topics/envelope.ts";
import { Heard, type Publishers } from "../../src/topics/heard.ts";
import { test } from "../support/test.ts";

/** What an envelope says of its number. */
function numbered(
  sequence: number,
  { origin = 1, generation = 1, kind = Kind.message as number } = {},
): Envelope {
  const content = { text: true, droppable: false, compress: true, key: undefined };
  return { ...content, kind, origin, generation, sequence, payload: new Uint8Array() };
}

test("note() counts what is missing, from the first number on", () => {
  const heard = new Heard();
  const channel: Publishers = new Map();
  const cases: [sequence: number, missed: number][] = [
    [5, 0], // the base
    [6, 0],
    [9, 2],
    [9, -1], // came already
    [7, -1], // late, and was counted
    [10, 0],
  ];
  for (const [sequence, missed] of cases) {
    assertEquals(heard.note(channel, numbered(sequence)), missed, `${sequence}`);
  }
});

test("note() takes a repetition for what it repeats", () => {
  const heard = new Heard();
  const channel: Publishers = new Map();
  const repeated = (sequence: number) => numbered(sequence, { kind: Kind.repeat });
  assertEquals(heard.note(channel, repeated(3)), 0); // a base, too
  assertEquals(heard.note(channel, numbered(4)), 0);
  assertEquals(heard.note(channel, repeated(4)), 0);
  assertEquals(heard.note(channel, repeated(6)), 2);
  assertEquals(heard.note(channel, numbered(6)), -1);
  assertEquals(heard.note(channel, numbered(7)), 0);
});

test("note() begins at 1 with a new generation of a publisher that was heard", () => {
  const heard = new Heard();
  const channel: Publishers = new Map();
  assertEquals(heard.note(channel, numbered(8, { generation: 3 })), 0);
  assertEquals(heard.note(channel, numbered(3, { generation: 5 })), 2);
  assertEquals(heard.note(channel, numbered(9, { generation: 3 })), -1);
  assertEquals(heard.note(channel, numbered(2, { generation: 7, kind: Kind.repeat })), 2);
  // Another publisher has a base of its own.
  assertEquals(heard.note(channel, numbered(4, { origin: 2 })), 0);
  assertEquals(heard.size, 2);
});

test("a publisher is forgotten with its channel, and after ten rounds of silence", () => {
  const heard = new Heard();
  const [one, two]: Publishers[] = [new Map(), new Map()];
  heard.note(one!, numbered(1));
  heard.note(two!, numbered(1));
  heard.forget(one!);
  assertEquals([heard.size, one!.size], [1, 0]);
  for (let round = 0; round < 10; round++) heard.sweep();
  assertEquals(heard.note(two!, numbered(3)), 1);
  for (let round = 0; round < 11; round++) heard.sweep();
  assertEquals(heard.size, 0);
  assertEquals(heard.note(two!, numbered(9)), 0);
});

test("publishers are bounded: the oldest goes, and is counted", () => {
  const heard = new Heard(3);
  const channel: Publishers = new Map();
  for (let origin = 1; origin <= 5; origin++) heard.note(channel, numbered(1, { origin }));
  assertEquals([heard.size, heard.evicted], [3, 2]);
  assertEquals([...channel.keys()], [3, 4, 5]);
});
