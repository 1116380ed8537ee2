// The channels of a broker.

import { assertEquals, assertThrows } from "@std/assert";
import { inboxChannel, prefixRule, topicChannel } from "../../src/topics/channel_name.ts";
import { test } from "../support/test.ts";

test("a channel has the prefix, and no octet that is syntax of a broker", () => {
  const cases: [topic: string, channel: string][] = [
    ["news", "p:t:news"],
    ["Room_1-a", "p:t:Room_1-a"],
    ["a.b*>{}", "p:t:a%2Eb%2A%3E%7B%7D"],
    ["a b\r\n\0", "p:t:a%20b%0D%0A%00"],
    ["a:b", "p:t:a%3Ab"],
    ["100%", "p:t:100%25"],
    ["ä", "p:t:%C3%A4"],
    ["🎈", "p:t:%F0%9F%8E%88"],
  ];
  for (const [topic, channel] of cases) assertEquals(topicChannel("p:", topic), channel);
  assertEquals(inboxChannel("p:", "0123456789abcdef"), "p:i:0123456789abcdef");
});

test("a prefix may have dots, and no part between them is empty", () => {
  const check = (prefix: string) =>
    prefixRule.check("prefix", prefix, { owner: "createTopics()", table: {} });
  for (const prefix of ["a", "a.", "a.b", "a.b.", "my:app.", "-_.1:"]) check(prefix);
  for (const prefix of [".", ".a", "a..", "a..b", "a.b..", "..a", "a.*.b", "a.>", "a b", "a\n"]) {
    assertThrows(() => check(prefix), TypeError, "1 to 32 letters");
  }
});

test("a channel has at most 800 octets", () => {
  assertEquals(topicChannel("x".repeat(32), ".".repeat(255)).length, 799);
});
