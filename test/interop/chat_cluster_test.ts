// examples/chat in two processes: joined by Redis alone, and as `npm run chat:cluster` shows it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Child, commandOf, run } from "../support/process.ts";
import { redisSkip, startRedis } from "../support/redis_server.ts";
import { runtime, test } from "../support/test.ts";
import { skipReason } from "./harness.ts";
import { missing as missingNginx } from "./programs/nginx.ts";

/** What a page receives. */
interface Received {
  readonly type: string;
  readonly text?: string;
  readonly names?: readonly string[];
  readonly server?: number;
}

/** Waits for a message that fits, and passes over others. */
async function until(
  ws: WebSocketConnection<undefined>,
  fits: (message: Received) => boolean,
): Promise<Received> {
  for (;;) {
    const message: Received = JSON.parse(String(await ws.receive()));
    if (fits(message)) return message;
  }
}

const says = (text: string) => (message: Received): boolean => message.text === text;

/** Enters a room, and learns which process has the connection. */
async function enter(url: string, name: string) {
  const ws = await connect(new URL("/rooms/tea", url));
  await ws.send(JSON.stringify({ type: "name", name }));
  const { server } = await until(ws, ({ type }) => type === "entered");
  return { ws, server };
}

const lists = (...names: string[]) => (message: Received): boolean =>
  message.type === "people" && message.names?.join() === names.join();

const say = (ws: WebSocketConnection<undefined>, text: string) =>
  ws.send(JSON.stringify({ type: "text", text }));

/** Runs `body` with two processes of the chat and their Redis; `begin()` starts one more. */
async function withTwo(
  body: (scene: {
    redis: Awaited<ReturnType<typeof startRedis>>;
    begin: () => Promise<string>;
    urls: readonly [first: string, second: string];
  }) => Promise<void>,
): Promise<void> {
  await using redis = await startRedis();
  const servers: Child[] = [];
  const begin = async (): Promise<string> => {
    const command = commandOf(runtime, "examples/chat/server.ts", ["--port", "0"]);
    const server = run(["env", `REDIS_URL=${redis.url}`, ...command]);
    servers.push(server);
    return (await server.waitFor(/^Chat: (http:\S+)$/m))[1] ?? "";
  };
  try {
    await body({ redis, begin, urls: await Promise.all([begin(), begin()]) });
  } finally {
    for (const server of servers) assertEquals(await server.stop(), 0, server.output());
  }
}

test(
  "chat example in two processes is one chat, and lives on without Redis",
  () =>
    withTwo(async ({ redis, begin, urls: [first, second] }) => {
      const ada = await enter(first, "Ada");
      const grace = await enter(second, "Grace");
      assert(ada.server !== grace.server, "Expected two processes");
      // Each has one list of the people in both.
      for (const { ws } of [ada, grace]) await until(ws, lists("Ada", "Grace"));
      await say(ada.ws, "from the first");
      await until(grace.ws, says("from the first"));
      await say(grace.ws, "from the second");
      await until(ada.ws, says("from the second"));
      // What was said in the one is known in the other.
      const late = await connect(new URL("/rooms/tea", second));
      await late.send('{"type":"name","name":"Late"}');
      await until(late, says("from the first"));
      await until(late, says("from the second"));
      await until(ada.ws, lists("Ada", "Grace", "Late"));
      await late.close();

      await redis.kill();
      for (const { ws } of [ada, grace]) {
        await until(ws, says("The servers are not connected: what you say comes later"));
      }
      await say(ada.ws, "meanwhile");
      // One that begins now serves all the same.
      const third = await begin();
      const carl = await enter(third, "Carl");
      await redis.restart();
      for (const { ws } of [ada, grace]) await until(ws, says("The servers are connected"));
      for (const { ws } of [ada, grace]) await until(ws, says("meanwhile"));
      // The third knows of the others, and perhaps still of the one who has left.
      await until(
        carl.ws,
        ({ names = [] }) => ["Ada", "Grace"].every((name) => names.includes(name)),
      );
      for (const { ws } of [ada, grace, carl]) await ws.close();
    }),
  { skip: redisSkip, timeout: 120_000 },
);

test(
  "chat example in two processes has each name once",
  () =>
    withTwo(async ({ urls: [first, second] }) => {
      // In the second, which has not had a page in this room before.
      const ada = await enter(first, "Ada");
      const other = await enter(second, "ada");
      for (const { ws } of [ada, other]) await until(ws, lists("Ada", "ada 2"));
      // Where two take a name at the same time, one of them has it in the end.
      const eves = await Promise.all([enter(first, "Eve"), enter(second, "Eve")]);
      for (const { ws } of [ada, ...eves]) await until(ws, lists("Ada", "Eve", "Eve 2", "ada 2"));
      for (const { ws } of [ada, other, ...eves]) await ws.close();
    }),
  { skip: redisSkip, timeout: 120_000 },
);

/** Runs `body` with the cluster, and checks that it leaves nothing behind. */
async function withCluster(
  body: (cluster: { all: Child; url: string; pids: Map<string, number> }) => Promise<number | null>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sansocket-test-"));
  const all = run(["env", `TMPDIR=${folder}`, "node", ".ci/cluster.mjs"]);
  try {
    const [, url = ""] = await all.waitFor(/^Chat: (http:\S+)$/m);
    await all.waitFor(/Ctrl\+C ends\neverything/);
    const rows = all.output().matchAll(/^ {2}(\S+) +(\d+) +\S+:\/\/127\.0\.0\.1:\d+/gm);
    const pids = new Map([...rows].map(([, name = "", pid], index) => [`${name} ${index}`, +pid!]));
    assertEquals([...pids.keys()], ["nginx 0", "chat 1", "chat 2", "redis-server 3"]);
    const code = await body({ all, url, pids });
    assertEquals(await all.exit, code, all.output());
    for (const pid of pids.values()) assertEquals(isAlive(pid), false, all.output());
    // tsx keeps a cache of its own there.
    assertEquals(readdirSync(folder).filter((name) => name.startsWith("sansocket-")), []);
  } finally {
    await all.stop();
    rmSync(folder, { recursive: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const skip = runtime !== "node"
  ? "npm run chat:cluster runs on Node everywhere"
  : redisSkip || skipReason(missingNginx);

test(
  "npm run chat:cluster is one chat in two processes, and Ctrl+C ends all of it",
  () =>
    withCluster(async ({ all, url, pids }) => {
      const ada = await enter(url, "Ada");
      let grace = await enter(url, "Grace");
      // nginx chooses the process with fewer connections, so this is no long search.
      while (grace.server === ada.server) grace = await enter(url, "Grace");
      const chats = [pids.get("chat 1"), pids.get("chat 2")];
      assertEquals([ada.server, grace.server].sort(), chats.sort());

      await say(ada.ws, "hello");
      await until(grace.ws, says("hello"));
      await say(grace.ws, "hello yourself");
      await until(ada.ws, says("hello yourself"));

      all.signal("SIGINT");
      await Promise.race([ada.ws.closed, grace.ws.closed]);
      all.signal("SIGINT"); // npm sends it on
      for (const { ws } of [ada, grace]) assertEquals((await ws.closed).code, 1001);
      return 130;
    }),
  { skip: skip ?? false, timeout: 120_000 },
);

test(
  "npm run chat:cluster ends all of it when one of its programs dies",
  () =>
    withCluster(async ({ all, pids }) => {
      process.kill(pids.get("redis-server 3")!, "SIGKILL");
      await all.waitFor(/^redis-server has ended \(SIGKILL\): ending everything$/m);
      return 1;
    }),
  { skip: skip ?? false, timeout: 120_000 },
);

test("npm run chat:cluster says what is missing, and how to install it", async () => {
  const all = run(["env", "PATH=/nowhere", process.execPath, ".ci/cluster.mjs"]);
  assertEquals(await all.exit, 1, all.output());
  assertMatch(all.output(), /^npm run chat:cluster needs redis-server.*, not found in PATH/);
  assertMatch(all.output(), /apt-get install redis-server nginx-light/);
}, { skip: runtime !== "node" && "npm run chat:cluster runs on Node everywhere" });
