import { assertEquals, assertThrows } from "@std/assert";
import { createTopics } from "@sansocket/ws";
import { createRules } from "../../src/topics/history_rules.ts";
import { test } from "../support/test.ts";

test("the longest prefix that fits is the rule of a topic", () => {
  const format = () => "x";
  const ruleOf = createRules([
    { prefix: "room:", size: 5 },
    { prefix: "", ttl: 7 },
    { prefix: "room:big:", size: 10_000, format },
  ]);
  assertEquals(ruleOf("room:1")?.size, 5);
  assertEquals(ruleOf("room:big:1")?.size, 10_000);
  assertEquals(ruleOf("room:big:1")?.format, format);
  assertEquals(ruleOf("room:big")?.size, 5);
  assertEquals(ruleOf("other"), { prefix: "", size: 100, ttl: 7, format: undefined });
});

test("without a rule that fits a topic has no history", () => {
  assertEquals(createRules([{ prefix: "a" }])("b"), undefined);
  assertEquals(createRules([])("a"), undefined);
});

test("rules that say nothing, or two things, are refused with what to do", () => {
  const topics = (history: unknown) => () => createTopics({ history } as never);
  assertThrows(topics([{ size: 1 }]), TypeError, 'such as "room:"');
  assertThrows(topics([{ prefix: "a" }, { prefix: "a" }]), TypeError, '"a" twice');
  assertThrows(topics([{ prefix: "a", sizes: 1 }]), TypeError, "history[0].sizes");
  assertThrows(topics([{ prefix: "a" }, 1]), TypeError, "history[1]");
});
