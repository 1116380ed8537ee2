import { assertEquals } from "@std/assert";
import { Deque } from "../../src/util/deque.ts";
import { test } from "../support/test.ts";

test("Deque gives back what it is given, in order, however many there are", () => {
  const deque = new Deque<number>();
  assertEquals([deque.first, deque.last, deque.shift()], [undefined, undefined, undefined]);
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 11; i++) deque.push(next++);
    assertEquals([deque.first, deque.last], [expected, next - 1]);
    for (let i = 0; i < 10; i++) assertEquals(deque.shift(), expected++);
  }
  assertEquals(deque.count, 100);
  while (deque.count > 0) assertEquals(deque.shift(), expected++);
  assertEquals([deque.shift(), expected], [undefined, next]);
});
