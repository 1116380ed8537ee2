import { assertEquals, assertMatch } from "@std/assert";
import { httpDate } from "../../src/http/date.ts";
import { test } from "../support/test.ts";

test("httpDate is the second at hand, as RFC 9110 writes it", () => {
  const before = Math.floor(Date.now() / 1000) * 1000;
  const text = httpDate();
  assertMatch(text, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  const time = Date.parse(text);
  assertEquals(time >= before && time <= Date.now(), true);
  assertEquals(new Date(time).toUTCString(), text);
});

test("httpDate changes with the second", () => {
  const { now } = Date;
  try {
    Date.now = () => 784_111_777_999;
    assertEquals(httpDate(), "Sun, 06 Nov 1994 08:49:37 GMT");
    Date.now = () => 784_111_778_000;
    assertEquals(httpDate(), "Sun, 06 Nov 1994 08:49:38 GMT");
    Date.now = () => 784_111_777_000;
    assertEquals(httpDate(), "Sun, 06 Nov 1994 08:49:37 GMT");
  } finally {
    Date.now = now;
  }
});
