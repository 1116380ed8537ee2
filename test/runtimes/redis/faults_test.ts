// What befalls a driver for Redis besides the contract: connections that are killed, clients that
// are closed, replies that refuse, replicas, clusters, and what is no client.

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Cluster, Redis } from "ioredis";
import { createClient, createCluster } from "redis";
import { createClock } from "@sansocket/ws/testing";
import { connectionOf } from "../../../runtimes/redis/connection.ts";
import { RedisBackplane } from "../../../runtimes/redis/driver.ts";
import { redisBackplane } from "../../../runtimes/redis/mod.ts";
import type { Backplane } from "../../../src/topics/backplane.ts";
import type { Clock } from "../../../src/util/clock.ts";
import {
  type RedisServer,
  redisSkip as skip,
  startProxy,
  startRedis,
} from "../../support/redis_server.ts";
import { test } from "../../support/test.ts";
import { number, RecordingSink } from "../../topics/backplane_suite.ts";

/** A client that the test has made, of either package. */
interface Client {
  readonly backplane: Backplane;
  readonly sink: RecordingSink;
  /** Connects it, if that was left to the user. */
  connect(): Promise<unknown>;
  /** Ends it. */
  end(): void;
}

type Make = (port: number, how?: { retries?: boolean; clock?: Clock; username?: string }) => Client;

const makers: Record<string, Make> = {
  redis(port, { retries = true, clock, username } = {}) {
    const reconnectStrategy = retries ? 5 : false;
    const user = username === undefined ? {} : { username, password: "secret" };
    const client = createClient({
      socket: { port, host: "127.0.0.1", reconnectStrategy },
      ...user,
    });
    return {
      backplane: new RedisBackplane(connectionOf(client, false), false, clock),
      sink: new RecordingSink(),
      connect: () => client.connect(),
      end: () => client.destroy(),
    };
  },
  ioredis(port, { retries = true, clock, username } = {}) {
    const retryStrategy = retries ? () => 5 : null;
    const user = username === undefined ? {} : { username, password: "secret" };
    const host = "127.0.0.1";
    const client = new Redis({ port, host, lazyConnect: true, retryStrategy, ...user });
    return {
      backplane: new RedisBackplane(connectionOf(client, false), false, clock),
      sink: new RecordingSink(),
      connect: () => client.connect(),
      end: () => client.disconnect(),
    };
  },
};

/** Registers a test for each package, with a server. */
function both(
  criterion: string,
  body: (server: RedisServer, make: Make) => Promise<void>,
): void {
  for (const [name, make] of Object.entries(makers)) {
    test(`redisBackplane() with ${name} ${criterion}`, async () => {
      await using server = await startRedis();
      await body(server, make);
    }, { skip });
  }
}

/** Starts it, and waits until it is up. */
async function begin(client: Client): Promise<Client> {
  const connected = client.connect();
  client.backplane.start(client.sink);
  await connected;
  await client.sink.is("up");
  return client;
}

async function finish(...clients: Client[]): Promise<void> {
  for (const { backplane } of clients) await backplane.close();
  for (const client of clients) client.end();
}

both("is down while subscribers' connections are killed, and up at once", async (server, make) => {
  const [one, two] = [await begin(make(server.port)), await begin(make(server.port))];
  await one.backplane.join(["a"]);
  for (let round = 1; round <= 3; round++) {
    // Neither has a connection that counts as one until it has joined something.
    await two.backplane.join(["b"]);
    assertEquals(await server.command("CLIENT", "KILL", "TYPE", "pubsub"), ":2\r\n");
    for (const { sink } of [one, two]) {
      await sink.until(() => sink.states.length === 1 + 2 * round, "down and up");
      assertEquals(sink.states.slice(-2), ["down", "up"]);
    }
    await one.backplane.join(["a"]);
    await two.backplane.publish("a", number(round));
    await one.sink.count(round);
  }
  assertEquals(one.sink.numbers("a"), [1, 2, 3]);
  await finish(one, two);
});

both("is down while the client's own connection is killed", async (server, make) => {
  const one = await begin(make(server.port));
  await one.backplane.join(["a"]);
  await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await one.sink.until(() => one.sink.states.length === 3, "down and up");
  await one.backplane.join(["a"]);
  await one.backplane.publish("a", number(1));
  await one.sink.count(1);
  assertEquals(one.sink.states, ["up", "down", "up"]);
  // The duplicate from before is gone.
  assertMatch(await server.command("PUBSUB", "NUMSUB", "a"), /:1\r\n$/);
  await finish(one);
});

both("leaves no connection when it is closed while it connects", async (server, make) => {
  const client = make(server.port);
  await client.connect();
  client.backplane.start(client.sink);
  await client.backplane.close();
  // What it has begun comes to the server before this connection.
  assertMatch(await server.command("PING"), /PONG/);
  client.end();
  await server.until(/connected_clients:1\r/, "INFO", "clients");
});

both("waits for a client that is not connected, and says so", async (server, make) => {
  const one = make(server.port);
  one.backplane.start(one.sink);
  assertEquals(one.sink.states, ["down"]);
  assertMatch(String(one.sink.reasons[0]), /is not connected; call its connect\(\) first/);
  await assertRejects(() => one.backplane.publish("a", number(1)), Error, "Redis is away");
  await one.connect();
  await one.sink.is("up");
  await one.backplane.join(["a"]);
  await one.backplane.publish("a", number(2));
  await one.sink.count(1);
  assertEquals(one.sink.numbers("a"), [2]);
  await finish(one);
});

both("says that the user has closed the client, and works when it is connected again", async (
  server,
  make,
) => {
  const one = await begin(make(server.port));
  await one.backplane.join(["a"]);
  one.end();
  await one.sink.is("down");
  assertMatch(String(one.sink.reasons[0]), /has been closed; connect it again/);
  await one.connect();
  await one.sink.is("up");
  await one.backplane.join(["a"]);
  await one.backplane.publish("a", number(1));
  await one.sink.count(1);
  await finish(one);
});

both("hands nothing to a client that is not ready", async (server, make) => {
  const one = await begin(make(server.port));
  await server.kill();
  await one.sink.is("down");
  for (let i = 0; i < 100; i++) {
    await assertRejects(() => one.backplane.publish("a", number(i)), Error, "Redis is away");
    await assertRejects(() => one.backplane.join(["a"]), Error, "Redis is away");
  }
  await server.restart();
  await one.sink.is("up");
  await one.backplane.publish("b", number(1));
  assertMatch(await server.command("INFO", "commandstats"), /cmdstat_publish:calls=1,/);
  assertEquals(/cmdstat_subscribe/.test(await server.command("INFO", "commandstats")), false);
  await finish(one);
});

both("is down for good when the client gives up, and says why", async (server, make) => {
  const one = await begin(make(server.port, { retries: false }));
  await server.kill();
  await one.sink.is("down");
  assertEquals(one.sink.states, ["up", "down"]);
  assert(one.sink.reasons[0] instanceof Error);
  await assertRejects(() => one.backplane.publish("a", number(1)), Error, "Redis is away");
  await server.restart();
  await one.connect();
  await one.sink.is("up");
  await finish(one);
});

both("rejects only what the server refuses", async (server, make) => {
  await server.command("ACL", "SETUSER", "default", "resetchannels", "&good:*");
  const one = await begin(make(server.port));
  const results: PromiseSettledResult<unknown>[] = await Promise.allSettled([
    one.backplane.join(["good:a"]),
    one.backplane.join(["bad:a"]),
  ]);
  results.push(
    ...await Promise.allSettled([
      one.backplane.publish("good:a", number(1)),
      one.backplane.publish("bad:a", number(2)),
      one.backplane.publish("good:a", number(3)),
    ]),
  );
  assertEquals(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
  );
  assertMatch(String((results[1] as PromiseRejectedResult).reason), /NOPERM/);
  assertMatch(String((results[3] as PromiseRejectedResult).reason), /NOPERM/);
  await one.sink.count(2);
  assertEquals(one.sink.numbers("good:a"), [1, 3]);
  assertEquals(one.sink.states, ["up"]);
  await finish(one);
});

both("needs no more rights than the pages say", async (server, make) => {
  const commands = ["+@connection", "+info", "+role", "+publish", "+subscribe", "+unsubscribe"];
  const user = ["topics", "on", ">secret", "resetchannels", "&shop:*", "-@all", ...commands];
  assertEquals(await server.command("ACL", "SETUSER", ...user), "+OK\r\n");
  const one = await begin(make(server.port, { username: "topics" }));
  await one.backplane.join(["shop:a"]);
  assertEquals(await one.backplane.publish("shop:a", number(1)), 1);
  await one.sink.count(1);
  await one.backplane.leave(["shop:a"]);
  assertEquals(await one.backplane.publish("shop:a", number(1)), 0);
  await assertRejects(() => one.backplane.join(["a"]), Error, "NOPERM");
  await finish(one);
});

both(
  "connects anew to a server that is frozen, and is up when that goes on",
  async (server, make) => {
    const one = await begin(make(server.port));
    await one.backplane.join(["a"]);
    await server.freeze();
    const taken = one.backplane.publish("a", number(1));
    one.backplane.restart!();
    assertEquals(one.sink.states, ["up", "down"]);
    await assertRejects(() => taken, Error, "Redis is away");
    await assertRejects(() => one.backplane.publish("a", number(2)), Error, "Redis is away");
    server.thaw();
    await one.sink.is("up");
    await one.backplane.join(["a"]);
    await one.backplane.publish("a", number(3));
    await one.sink.until(() => one.sink.numbers("a").at(-1) === 3, "the last");
    assertEquals(one.sink.numbers("a").includes(2), false);
    await finish(one);
  },
);

both("closes while it connects, joins and publishes", async (server, make) => {
  const early = make(server.port);
  early.backplane.start(early.sink);
  const connected = early.connect();
  const { calls } = early.sink;
  await early.backplane.close();
  await connected;
  const one = await begin(make(server.port));
  await server.freeze();
  const work = [one.backplane.join(["a"]), one.backplane.publish("a", number(1))];
  await one.backplane.close();
  for (const { status } of await Promise.allSettled(work)) assertEquals(status, "rejected");
  server.thaw();
  assertEquals(one.sink.states, ["up"]);
  assertEquals(early.sink.calls, calls);
  await finish(early, one);
});

both("counts no receivers where the server has a replica, whose are not counted", async (
  server,
  make,
) => {
  await using replica = await startRedis("--replicaof", "127.0.0.1", `${server.port}`);
  const [main, reader] = [await begin(make(server.port)), await begin(make(replica.port))];
  await reader.backplane.join(["a"]);
  await server.until(/online/, "INFO", "replication");
  // What it knows, it knows from when it has connected.
  main.backplane.restart!();
  await main.sink.until(() => main.sink.states.length === 3, "down and up");
  assertEquals(await main.backplane.publish("a", number(1)), undefined);
  assertEquals(await reader.backplane.publish("a", number(2)), undefined);
  await reader.sink.count(2);
  await finish(main, reader);
});

test(
  "redisBackplane() with ioredis connects its duplicate again, where the server had no room",
  async () => {
    await using server = await startRedis();
    const client = new Redis({ port: server.port, host: "127.0.0.1" });
    await client.call("CONFIG", "SET", "maxclients", "1");
    const backplane = redisBackplane(client);
    const sink = new RecordingSink();
    backplane.start(sink);
    while (!/rejected_connections:[1-9]/.test(await client.info("stats"))) {
      assertEquals(sink.states, []);
    }
    await client.call("CONFIG", "SET", "maxclients", "10");
    await sink.is("up");
    await backplane.close();
    client.disconnect();
  },
  { skip },
);

both("throws away a duplicate that has not connected after 10 s, and makes another one", async (
  server,
  make,
) => {
  const clock = createClock();
  let stuck: () => void;
  const isStuck = new Promise<void>((resolve) => stuck = resolve);
  await using proxy = await startProxy((count) => {
    if (count !== 1) return server.port;
    stuck();
    return 0;
  });
  const one = make(proxy.port, { clock: clock.source });
  const connected = one.connect();
  one.backplane.start(one.sink);
  await Promise.all([connected, isStuck]);
  await clock.advance(9_999);
  assertEquals(clock.pending.map(({ waits }) => waits), ["a connection to Redis"]);
  assertEquals(one.sink.states, []);
  await clock.advance(1);
  await one.sink.is("up");
  assertEquals(clock.pending, []);
  await one.backplane.join(["a"]);
  await one.backplane.publish("a", number(1));
  await one.sink.count(1);
  await finish(one);
});

test("redisBackplane() works with the older protocol of Redis, too", async () => {
  await using server = await startRedis();
  const older = createClient({ url: server.url, RESP: 2 });
  await older.connect();
  const other = new Redis(server.port, { protocol: 2 });
  for (const client of [older, other]) {
    for (const sharded of [false, true]) {
      const backplane = redisBackplane(client, { sharded });
      const sink = new RecordingSink();
      backplane.start(sink);
      await sink.is("up");
      await backplane.join(["a", "b"]);
      const sent = [new Uint8Array(0), Uint8Array.of(0xff, 0x0d, 0x0a, 0x00), number(1)];
      for (const payload of sent) assertEquals(await backplane.publish("a", payload), 1);
      await sink.count(3);
      assertEquals(sink.messages.map(({ envelope }) => envelope), sent);
      await backplane.leave(["a", "b"]);
      assertEquals(await backplane.publish("a", number(2)), 0);
      // It has left everything, and joins again.
      await backplane.join(["b"]);
      assertEquals(await backplane.publish("b", number(3)), 1);
      await sink.count(4);
      await backplane.close();
    }
  }
  older.destroy();
  other.disconnect();
}, { skip });

test("redisBackplane() with ioredis and a prefix for keys has the same channels", async () => {
  await using server = await startRedis();
  for (const sharded of [false, true]) {
    const client = new Redis({ port: server.port, host: "127.0.0.1", keyPrefix: "ü:" });
    const backplane = redisBackplane(client, { sharded });
    const sink = new RecordingSink();
    backplane.start(sink);
    await sink.is("up");
    await backplane.join(["a"]);
    await backplane.publish("a", number(1));
    await sink.count(1);
    assertEquals(sink.messages[0]!.channel, "a");
    await backplane.leave(["a"]);
    assertEquals(await backplane.publish("a", number(1)), 0);
    await backplane.close();
    client.disconnect();
  }
}, { skip });

test("redisBackplane() gives two of one client a listener for errors in common", async () => {
  const client = createClient({ socket: { port: 1, host: "127.0.0.1", reconnectStrategy: false } });
  for (let i = 0; i < 20; i++) {
    const backplane = redisBackplane(client);
    backplane.start(new RecordingSink());
    await backplane.close();
  }
  assertEquals(client.listenerCount("error"), 1);
  await assertRejects(() => client.connect());
}, { skip });

/** Starts a cluster of three servers. */
async function startCluster(): Promise<AsyncDisposable & { servers: RedisServer[] }> {
  const flags = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
  const servers = await Promise.all([1, 2, 3].map(() => startRedis(...flags)));
  const ranges = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];
  for (const [i, server] of servers.entries()) {
    await server.command("CLUSTER", "ADDSLOTSRANGE", ...ranges[i]!);
    await server.command("CLUSTER", "SET-CONFIG-EPOCH", `${i + 1}`);
    await server.command("CLUSTER", "MEET", "127.0.0.1", `${servers[0]!.port}`);
  }
  for (const server of servers) {
    await server.until(/cluster_state:ok[^]*known_nodes:3/, "CLUSTER", "INFO");
  }
  return {
    servers,
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server.stop();
    },
  };
}

const clusters: Record<string, (ports: number[], sharded: boolean) => Client> = {
  redis(ports, sharded) {
    const rootNodes = ports.map((port) => ({ socket: { port, host: "127.0.0.1" } }));
    const client = createCluster({ rootNodes });
    return {
      backplane: redisBackplane(client, { sharded }),
      sink: new RecordingSink(),
      connect: () => client.connect(),
      end: () => client.destroy(),
    };
  },
  ioredis(ports, sharded) {
    const nodes = ports.map((port) => ({ port, host: "127.0.0.1" }));
    const client = new Cluster(nodes, { lazyConnect: true });
    return {
      backplane: redisBackplane(client, { sharded }),
      sink: new RecordingSink(),
      connect: () => client.connect(),
      end: () => client.disconnect(),
    };
  },
};

test("redisBackplane() joins processes over a cluster of three, sharded or not", async () => {
  await using cluster = await startCluster();
  const { servers } = cluster;
  const ports = servers.map(({ port }) => port);
  for (const [name, make] of Object.entries(clusters)) {
    for (const sharded of [false, true]) {
      const [one, two] = [await begin(make(ports, sharded)), await begin(make(ports, sharded))];
      assertEquals(one.backplane.ordered, sharded, name);
      const names = Array.from({ length: 40 }, (_, i) => `room:${i}`);
      await one.backplane.join(names);
      await two.backplane.join(names.slice(0, 20));
      for (const [i, channel] of names.entries()) {
        assertEquals(await two.backplane.publish(channel, number(i)), undefined);
      }
      await one.sink.count(40);
      await two.sink.count(20);
      const heard = one.sink.messages.map(({ channel }) => channel).sort();
      assertEquals(heard, [...names].sort(), name);
      await one.backplane.leave(names.slice(1));
      await two.backplane.publish(names[1]!, number(1));
      await two.backplane.publish(names[0]!, number(2));
      await one.sink.count(41);
      assertEquals(one.sink.messages.at(-1)!.channel, names[0]);
      // A subscriber's connection to one of the servers is killed.
      await Promise.all(
        servers.map((server) => server.command("CLIENT", "KILL", "TYPE", "pubsub")),
      );
      await one.sink.until(
        () => one.sink.states.length >= 3 && one.sink.state === "up",
        "up again",
      );
      await one.backplane.join(names);
      await two.sink.is("up");
      for (const channel of names) await two.backplane.publish(channel, number(3));
      await one.sink.until(
        () => new Set(one.sink.messages.slice(41).map(({ channel }) => channel)).size === 40,
        "all again",
      );
      await finish(one, two);
    }
  }
}, { skip });

test("redisBackplane() refuses what is no client of redis or ioredis that publishes", async () => {
  const old = { connected: true, duplicate() {}, on() {}, off() {}, send_command() {} };
  for (const client of [undefined, null, {}, "redis://localhost", () => {}, old, new Map()]) {
    const error = assertThrows(() => redisBackplane(client as never), TypeError);
    assertMatch(error.message, /^Expected a client of redis.*: npm install redis$/);
  }
  await using server = await startRedis();
  const client = createClient({ url: server.url });
  await client.connect();
  await client.subscribe("a", () => {});
  assertThrows(() => redisBackplane(client), TypeError, "pass client.duplicate()");
  client.destroy();
  const other = new Redis(server.port, { protocol: 2 });
  await other.subscribe("a");
  assertThrows(() => redisBackplane(other), TypeError, "pass client.duplicate()");
  other.disconnect();
}, { skip });
