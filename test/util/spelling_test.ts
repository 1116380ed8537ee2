import { assertEquals } from "@std/assert";
import { distance, nearest } from "../../src/util/spelling.ts";
import { test } from "../support/test.ts";

test("distance counts letters that are missing, added, replaced or swapped", () => {
  const table: readonly (readonly [string, string, number])[] = [
    ["", "", 0],
    ["message", "message", 0],
    ["", "open", 4],
    ["mesage", "message", 1],
    ["messsage", "message", 1],
    ["massage", "message", 1],
    ["mesasge", "message", 1],
    ["opne", "open", 1],
    ["nope", "open", 2],
    ["MAXMESSAGESIZE", "maxMessageSize", 0],
    ["maxMesageSise", "maxMessageSize", 2],
    ["ping", "pong", 1],
    ["ca", "abc", 3],
    ["abcd", "wxyz", 4],
  ];
  for (const [a, b, expected] of table) {
    assertEquals([distance(a, b), distance(b, a)], [expected, expected], `${a} ${b}`);
  }
});

test("nearest is the name with the fewest changes, and none for another word", () => {
  const names = ["level", "memoryLevel", "windowBits", "threshold"];
  const table: readonly (readonly [string, string | undefined])[] = [
    ["levl", "level"],
    ["Level", "level"],
    ["memLevel", undefined],
    ["memorylevels", "memoryLevel"],
    ["windowbit", "windowBits"],
    ["treshhold", "threshold"],
    ["proxy", undefined],
    ["x", undefined],
    ["", undefined],
  ];
  for (const [name, expected] of table) assertEquals(nearest(name, names), expected, name);
  assertEquals(nearest("any", []), undefined);
});
