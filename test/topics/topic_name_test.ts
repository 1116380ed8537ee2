// What names topics and keys may have.

import { assertEquals, assertThrows } from "@std/assert";
import { createTopics } from "@sansocket/ws";
import { test } from "../support/test.ts";

const ALL = { delivered: 0, queued: 0, dropped: 0 };

test("names may have 1 to 255 octets of well-formed UTF-8", () => {
  const topics = createTopics();
  const right = ["a", "*", "> .{}\0", "x".repeat(255), "\u00e9".repeat(127), "\u{1f600}"];
  for (const name of right) assertEquals(topics.publish(name, "x"), ALL);
  const wrong = ["", "x".repeat(256), "\u00e9".repeat(128), "\u20ac".repeat(86)];
  for (const name of wrong) {
    assertThrows(() => topics.publish(name, "x"), RangeError, "1 to 255 octets of UTF-8");
    assertThrows(() => topics.subscribe(name, () => {}), RangeError);
    assertThrows(() => topics.subscribers(name), RangeError);
  }
  assertThrows(() => topics.publish("", "x"), RangeError, 'got 0: "all" is one');
  assertThrows(() => topics.publish(wrong[1]!, "x"), RangeError, "a hash of a long one is short");
  for (const name of ["\ud83d", "a\ude00", "\ude00\ud83d"]) {
    assertThrows(() => topics.publish(name, "x"), TypeError, "surrogate pair");
  }
  for (const name of [undefined, null, 5, {}, ["a"]]) {
    assertThrows(() => topics.publish(name as string, "x"), TypeError, "to be a string");
    assertThrows(() => topics.subscribers(name as string), TypeError, "to be a string");
  }
  assertThrows(() => topics.publish("a", 5 as unknown as string), TypeError);
  assertThrows(() => topics.subscribe("a", "f" as unknown as () => void), TypeError, "a function");
});

test("keys may have 1 to 255 octets of well-formed UTF-8", () => {
  const topics = createTopics();
  const wrong: readonly [string, typeof RangeError | typeof TypeError][] = [
    ["", RangeError],
    ["x".repeat(256), RangeError],
    ["\ud83d", TypeError],
  ];
  for (const [coalesce, kind] of wrong) {
    assertThrows(() => topics.publish("a", "x", { coalesce }), kind, "Expected coalesce to");
  }
  assertEquals(topics.publish("a", "x", { coalesce: "\u00e9".repeat(127) }), ALL);
});
