// Subscriptions as four lists, against a model of sets; and publications that go through a list that changes.

import { assertEquals } from "@std/assert";
import type { Dispatcher } from "../../src/connection/dispatcher.ts";
import { Member, Topic } from "../../src/topics/topic.ts";
import { test } from "../support/test.ts";

/** A member that is only a name. */
function member(left: (topic: Topic) => void = () => {}): Member {
  return new Member({} as Dispatcher, left);
}

/** The members that a publication reaches. */
function reached(topic: Topic, except?: Dispatcher): Member[] {
  const found: Member[] = [];
  topic.forEach(except, (one) => found.push(one));
  return found;
}

test("Topic and Member agree with sets through any order of coming and going", () => {
  const topics = Array.from({ length: 50 }, (_, i) => new Topic(`${i}`));
  const members = Array.from({ length: 20 }, () => member());
  const model = new Map(topics.map((topic) => [topic, new Set<Member>()]));
  let seed = 1;
  const random = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n;
  for (let i = 0; i < 20_000; i++) {
    const topic = topics[random(50)]!;
    const one = members[random(20)]!;
    const slot = one.find(topic);
    assertEquals(slot >= 0, model.get(topic)!.has(one));
    if (slot >= 0) {
      one.remove(slot);
      model.get(topic)!.delete(one);
    } else {
      one.add(topic);
      model.get(topic)!.add(one);
    }
    if (i % 500 === 0) {
      const gone = members[random(20)]!;
      gone.end();
      for (const set of model.values()) set.delete(gone);
    }
  }
  for (const [topic, set] of model) {
    assertEquals(new Set(topic.members), set);
    assertEquals(topic.size, set.size);
  }
});

test("Member tells of each topic that it has left, when that is so", () => {
  const left: string[] = [];
  const one = member((topic) => left.push(`${topic.name} ${topic.size}`));
  const topics = ["a", "b", "c"].map((name) => new Topic(name));
  for (const topic of topics) one.add(topic);
  one.remove(one.find(topics[0]!));
  assertEquals(left, ["a 0"]);
  one.end();
  assertEquals(left.sort(), ["a 0", "b 0", "c 0"]);
  assertEquals(one.names, []);
});

test("Topic.forEach leaves one out", () => {
  const topic = new Topic("a");
  const [one, two] = [member(), member()];
  one.add(topic);
  two.add(topic);
  assertEquals(reached(topic, one.dispatcher), [two]);
  assertEquals(reached(topic), [one, two]);
});

for (const at of [0, 1, 2, 3, 4]) {
  for (const leaving of [0, 1, 2, 3, 4]) {
    test(`Topic.forEach visits each once when member ${leaving} leaves at visit ${at}`, () => {
      const topic = new Topic("a");
      const members = Array.from({ length: 5 }, () => member());
      for (const one of members) one.add(topic);
      const late = member();
      const visited: number[] = [];
      topic.forEach(undefined, (one) => {
        visited.push(members.indexOf(one));
        if (visited.length - 1 !== at) return;
        members[leaving]!.remove(members[leaving]!.find(topic));
        late.add(topic);
        // A publication within it goes through what is there now.
        assertEquals(reached(topic).length, 5);
      });
      const expected = [0, 1, 2, 3, 4].filter((i) => i <= at || i !== leaving);
      assertEquals(visited, expected);
      assertEquals(topic.size, 5);
      // The list may change in place again.
      const list = topic.members;
      late.remove(late.find(topic));
      assertEquals(topic.members === list, true);
    });
  }
}

test("Topic.forEach reaches no member that came back, and lets all leave", () => {
  const topic = new Topic("a");
  const members = Array.from({ length: 1_000 }, () => member());
  for (const one of members) one.add(topic);
  let visits = 0;
  topic.forEach(undefined, () => {
    if (++visits > 1) return;
    for (const one of members) one.end();
  });
  assertEquals([visits, topic.size], [1, 0]);
});
