// Topics on a real Redis over several processes that are frozen or killed, and over servers that
// no longer know each other.

import { assert, assertEquals } from "@std/assert";
import { createClock } from "@sansocket/ws/testing";
import { type Child, start } from "../support/process.ts";
import { redisSkip as skip, startProxy, startRedis } from "../support/redis_server.ts";
import { runtime, test } from "../support/test.ts";
import { range, redisTest, startProcess, stop } from "./redis_support.ts";

const PROGRAM = "test/topics/redis_process.ts";

function startChild(mode: "listen" | "publish", port: number): Child {
  return start(runtime, PROGRAM, [mode, `${port}`]);
}

redisTest("a subscriber at a replica that gets nothing any more is found, and connects anew", [
  "redis",
  "ioredis",
], async (server, client) => {
  await using replica = await startRedis("--replicaof", "127.0.0.1", `${server.port}`);
  await server.until(/online/, "INFO", "replication");
  // As names of hosts that lead elsewhere after a failover: the first connection publishes.
  let route = (count: number): number => count === 0 ? server.port : replica.port;
  await using proxy = await startProxy((count) => route(count));
  const clock = createClock();
  const one = await startProcess(server.port, { client });
  const two = await startProcess(proxy.port, { client, clock: clock.source });
  const heard = await two.hear("a");
  one.topics.publish("a", "1");
  await two.until(() => heard.length === 1, "the first");

  await replica.command("REPLICAOF", "NO", "ONE");
  for (let i = 2; i <= 6; i++) one.topics.publish("a", `${i}`);
  await one.topics.flush();
  route = () => server.port;
  assertEquals(two.states, ["up"]);
  await clock.advance(30_000);
  await two.until(() => two.states.length === 3, "down and up");
  assertEquals(two.states, ["up", "down", "up"]);
  await two.hear("a");
  one.topics.publish("a", "7");
  await two.until(() => heard.length === 2, "the next");
  assertEquals(heard, ["1", "7"]);
  // At once, or by a number that was repeated before.
  assertEquals(two.topics.stats().backplane!.missed, 5);
  assertEquals(
    await replica.command("PUBSUB", "NUMSUB", "sansocket:t:a"),
    "*2\r\n$13\r\nsansocket:t:a\r\n:0\r\n",
  );
  await stop(one, two);
});

test(
  "topics on Redis: a process that reads nothing is cut off, costs the others nothing, and counts",
  async () => {
    await using server = await startRedis(
      "--client-output-buffer-limit",
      "pubsub",
      "1mb",
      "0",
      "0",
    );
    const child = startChild("listen", server.port);
    const one = await startProcess(server.port);
    const two = await startProcess(server.port, { client: "ioredis" });
    const heard = await two.hear("a");
    await child.waitFor(/joined/);
    one.topics.publish("a", "1");
    await child.waitFor(/first 1\n/);

    await child.freeze();
    const filler = "x".repeat(50_000);
    let number = 1;
    const subscribers = (): Promise<string> => server.command("PUBSUB", "NUMSUB", "sansocket:t:a");
    while (/:2\r\n$/.test(await subscribers())) {
      // The kernel holds some megabytes.
      assert(number < 5_000);
      for (let i = 0; i < 10; i++) one.topics.publish("a", `${++number} ${filler}`);
      await one.topics.flush();
    }
    one.topics.publish("a", `${++number}`);
    child.signal("SIGCONT");
    await child.waitFor(/down\nup\n/);
    await server.until(/:2\r\n$/, "PUBSUB", "NUMSUB", "sansocket:t:a");
    one.topics.publish("a", `${++number} end`);
    const [, json = ""] = await child.waitFor(/report (.*)\n/);
    const report = JSON.parse(json);
    assertEquals([report.ordered, report.last], [true, number]);
    assertEquals(report.heard + report.missed, number);
    assert(report.missed > 0);
    await two.until(() => heard.length === number, "all");
    assertEquals(heard.map((text) => String(parseInt(text))), range(1, number));
    assertEquals(two.gaps, []);
    await child.stop("SIGKILL");
    await stop(one, two);
  },
  { skip },
);

test(
  "topics on Redis: a process is killed in a batch: what it has flushed was heard, and its successor is new",
  async () => {
    await using server = await startRedis();
    const two = await startProcess(server.port);
    const heard = await two.hear("a");
    for (let round = 0; round < 2; round++) {
      const child = startChild("publish", server.port);
      await child.waitFor(/flushed 500\n/);
      await child.stop("SIGKILL");
      const flushed = Number([...child.output().matchAll(/flushed (\d+)\n/g)].at(-1)![1]);
      await two.until(() => heard.length - heard.lastIndexOf("1") >= flushed, "what was flushed");
    }
    const second = heard.lastIndexOf("1");
    assert(second > 0);
    assertEquals(heard, [...range(1, second), ...range(1, heard.length - second)]);
    assertEquals([two.gaps, two.topics.stats().backplane!.repeated], [[], 0]);
    await stop(two);
  },
  { skip },
);

test("topics on Redis: topics.send() reaches a connection of another process", async () => {
  await using server = await startRedis();
  const one = await startProcess(server.port);
  const child = startChild("listen", server.port);
  const [id] = await child.waitFor(/^[0-9a-f]{16}-\d+$/m);
  await child.waitFor(/joined/);
  assertEquals(one.topics.send(id, "hello"), "passed on");
  await child.waitFor(/received hello\n/);
  await child.stop("SIGKILL");
  await stop(one);
}, { skip });
