// Topics of several processes over a real nats-server, and what befalls one: killed and back, a
// node of a cluster killed, frozen, a slow consumer that is cut, a publisher that is killed.
//
// 1. A message is its number, and the numbers of a publisher on a topic have no holes. So a process
//    that has heard a first one knows what is missing, and `onGap` has to say exactly that.
// 2. The library's waits are driven by a clock of the test; the servers and clients are real.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import {
  connect as connectTo,
  createTopics,
  FlushError,
  type Topics,
  type TopicsOptions,
} from "@sansocket/ws";
import { natsBackplane } from "@sansocket/ws/nats";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import {
  type NatsServer,
  startNats,
  startNatsCluster,
  withoutNats,
} from "../support/nats_server.ts";
import { root, runtimeNames, start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";
import { Changes } from "./changes.ts";

const skip = withoutNats;

/** What a process hears on a topic, in order: numbers of messages, and how many were missed. */
type Heard = (number | { readonly missed: number })[];

/** A process: its topics on a connection of their own. */
interface Process {
  readonly topics: Topics;
  readonly connection: NatsConnection;
  readonly states: string[];
  readonly errors: unknown[];
  /** Subscribes, and returns what is heard from then on. */
  hear(topic: string): Promise<Heard>;
  /** Waits until something holds, and looks whenever something has happened. */
  until(holds: () => boolean, what: string): Promise<void>;
  /** Waits for a state. */
  is(state: "up" | "down"): Promise<void>;
}

/** Servers, and processes on them. */
interface Stage {
  readonly servers: readonly NatsServer[];
  readonly clock: TestClock;
  /** Starts a process on a server, whose client knows all of them, and waits until it is up. */
  enter(server?: number, options?: TopicsOptions): Promise<Process>;
}

async function onServers(
  servers: readonly NatsServer[],
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  const clock = createClock();
  const processes: Process[] = [];
  try {
    await body({
      servers,
      clock,
      async enter(server = 0, options = {}) {
        const own = servers[server]!.address;
        const others = servers.map(({ address }) => address).filter((one) => one !== own);
        const entered = await enter([own, ...others], clock, options);
        processes.push(entered);
        await entered.is("up");
        return entered;
      },
    });
  } finally {
    for (const server of servers) server.thaw();
    await Promise.all(processes.map(({ topics }) => topics.close({ timeout: 1 })));
    await Promise.all(processes.map(({ connection }) => connection.close()));
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function enter(
  servers: string[],
  clock: TestClock,
  options: TopicsOptions,
): Promise<Process> {
  const often = { maxReconnectAttempts: -1, reconnectTimeWait: 10, reconnectJitter: 0 };
  // The client tries its last server first, also one that is frozen.
  const how = { noRandomize: true, timeout: 1_000, user: "u", pass: "p" };
  const connection = await connect({ servers, ...how, ...often });
  const backplane = natsBackplane(connection);
  Object.defineProperty(backplane, "clock", { value: clock.source });
  const states: string[] = [];
  const errors: unknown[] = [];
  const lists = new Map<string, Heard>();
  const changes = new Changes();
  const happened = (): void => changes.happened();
  const topics = createTopics({
    backplane,
    onGap: ({ topic = "", missed }) => {
      lists.get(topic)?.push({ missed });
      happened();
    },
    onState: ({ state }) => {
      states.push(state);
      happened();
    },
    error: (error) => {
      errors.push(error);
      happened();
    },
    ...options,
  });
  const until: Process["until"] = (holds, what) =>
    changes.until(holds, what, () => ({ states, ...topics.stats() }));
  return {
    topics,
    connection,
    states,
    errors,
    async hear(topic) {
      const heard: Heard = [];
      lists.set(topic, heard);
      const { joined } = await topics.subscribe(topic, (data) => {
        heard.push(Number(data));
        happened();
      });
      assertEquals(joined, true);
      return heard;
    },
    until,
    is: (state) => until(() => states.at(-1) === state, state),
  };
}

/** Publishes numbers: from the first to the last. */
function publish({ topics }: Process, topic: string, first: number, last: number): void {
  for (let i = first; i <= last; i++) topics.publish(topic, `${i}`);
}

/** What was heard and missed altogether: the last number, if each loss is told. */
function sum(heard: Heard): number {
  return heard.reduce<number>((sum, one) => sum + (typeof one === "number" ? 1 : one.missed), 0);
}

/**
 * Waits for all numbers from a first to a last one to be heard or missed; the loss of the last ones
 * shows after 1 s. Asserts that they ascend, and that before each hole its size was told.
 */
async function told(process: Process, heard: Heard, last: number, first = 1): Promise<void> {
  const all = last - first + 1;
  await process.until(() => sum(heard) >= all, `${all} heard or missed, ${sum(heard)} are`);
  assertEquals(sum(heard), all);
  let next = first;
  for (const one of heard) {
    if (typeof one === "number") assertEquals(one, next++);
    else next += one.missed;
  }
}

/**
 * Publishes numbers until a process on another node of a cluster hears one: that node learns a
 * little later that it has joined. Returns the last number.
 */
async function begin(from: Process, to: Process, heard: Heard, last = 0): Promise<number> {
  while (heard.length === 0) {
    publish(from, "a", last + 1, ++last);
    await from.topics.flush();
    await to.connection.flush();
  }
  await to.until(() => heard.at(-1) === last, "what was under way");
  return last;
}

function missed(heard: Heard): number {
  return sum(heard) - heard.filter((one) => typeof one === "number").length;
}

test("NATS carries what several processes publish to all of them, once and in order", async () => {
  await onServers(skip ? [] : [await startNats()], async ({ enter }) => {
    const processes = [await enter(), await enter(), await enter()];
    const heard = await Promise.all(processes.map(({ hear }) => hear("a")));
    const count = 3_000;
    for (let i = 0; i < count; i++) {
      for (const [p, { topics }] of processes.entries()) topics.publish("a", `${i * 3 + p}`);
      if (i % 100 === 0) await Promise.all(processes.map(({ topics }) => topics.flush()));
    }
    for (const [p, process] of processes.entries()) {
      await process.until(() => heard[p]!.length >= 3 * count, "all");
      for (let publisher = 0; publisher < 3; publisher++) {
        const own = heard[p]!.filter((one) => Number(one) % 3 === publisher);
        assertEquals(own, Array.from({ length: count }, (_, i) => i * 3 + publisher));
      }
      assertEquals(process.states, ["up"]);
      assertEquals(process.errors, []);
    }
  });
}, { skip });

test(
  "NATS is killed and comes back: what was published meanwhile is missed, and told",
  async () => {
    await onServers([await startNats()], async ({ servers: [server], enter, clock }) => {
      const [one, two] = [await enter(), await enter()];
      const heard = await two.hear("a");
      publish(one, "a", 1, 10);
      await told(two, heard, 10);
      await one.topics.flush();
      for (let round = 0; round < 2; round++) {
        const first = 10 + 10 * round;
        await server!.kill();
        await Promise.all([one.is("down"), two.is("down")]);
        publish(one, "a", first + 1, first + 5);
        const error = await assertRejects(() => one.topics.flush(), FlushError);
        assertEquals(error.count, 5);
        assertEquals(await two.topics.subscribe(`b${round}`, () => {}), { joined: false });
        await server!.restart();
        await Promise.all([one.is("up"), two.is("up")]);
        // Joined again by itself: to ask once more says when.
        assertEquals(await two.topics.subscribe("a", () => {}), { joined: true });
        assertEquals(await two.topics.subscribe(`b${round}`, () => {}), { joined: true });
        publish(one, "a", first + 6, first + 10);
        await told(two, heard, first + 10);
        await one.topics.flush();
        assertEquals(heard.filter((one) => typeof one !== "number").length, round + 1);
      }
      // The loss of the last ones shows when a quiet publisher repeats its number.
      await server!.kill();
      await Promise.all([one.is("down"), two.is("down")]);
      publish(one, "a", 31, 33);
      await server!.restart();
      await Promise.all([one.is("up"), two.is("up")]);
      await two.topics.subscribe("a", () => {});
      await clock.advance(1_500);
      await told(two, heard, 33);
      assertEquals(heard.at(-1), { missed: 3 });
      assertEquals(two.topics.stats().backplane?.repeated, 0);
      assertEquals(one.topics.stats().backplane?.notTaken, 13);
    });
  },
  { skip },
);

test("NATS is killed and comes back: what is held arrives, once and in order", async () => {
  await onServers([await startNats()], async ({ servers: [server], enter, clock }) => {
    const [one, two] = [await enter(0, { outage: "hold" }), await enter()];
    const heard = await two.hear("a");
    publish(one, "a", 1, 10);
    await told(two, heard, 10);
    await one.topics.flush();
    await server!.kill();
    await Promise.all([one.is("down"), two.is("down")]);
    publish(one, "a", 11, 30);
    assertEquals(one.topics.stats().backplane?.waiting, 20);
    await server!.restart();
    await Promise.all([one.is("up"), two.is("up")]);
    assertEquals(await two.topics.subscribe("a", () => {}), { joined: true });
    publish(one, "a", 31, 40);
    await clock.advance(1_000);
    await one.topics.flush();
    await told(two, heard, 40);
    assertEquals(missed(heard), 0);
  });
}, { skip });

test(
  "NATS in a cluster loses the node of a subscriber: gaps are told, nothing comes twice",
  async () => {
    await onServers(await startNatsCluster(), async ({ servers, enter, clock }) => {
      const [one, two, three] = [await enter(0), await enter(1), await enter(2)];
      const [lost, kept] = [await two.hear("a"), await three.hear("a")];
      let last = await begin(one, two, lost);
      last = await begin(one, three, kept, last);
      const [base, first] = [Number(lost[0]), Number(kept[0])];
      const publishing = async (count: number) => {
        for (let i = 0; i < count; i += 20) {
          publish(one, "a", last + 1, last += 20);
          await one.topics.flush();
        }
      };
      await publishing(400);
      const killed = servers[1]!.kill();
      await publishing(400);
      await killed;
      await two.until(() => two.states.length === 3, "down and up");
      assertEquals(await two.topics.subscribe("a", () => {}), { joined: true });
      await publishing(400);
      await clock.advance(1_500);
      await told(two, lost, last, base);
      await told(three, kept, last, first);
      assertEquals(missed(kept), 0);
      assertEquals(two.states, ["up", "down", "up"]);
      assertEquals(three.states, ["up"]);
      assertEquals(two.topics.stats().backplane?.repeated, 0);
      assert([servers[0]!.address, servers[2]!.address].includes(two.connection.getServer()));
    });
  },
  { skip },
);

test("NATS in a cluster loses the node of a publisher: others are told what was lost", async () => {
  await onServers(await startNatsCluster(), async ({ servers, enter, clock }) => {
    const [one, two] = [await enter(0), await enter(1)];
    const heard = await two.hear("a");
    let last = await begin(one, two, heard);
    const base = Number(heard[0]);
    publish(one, "a", last + 1, last += 100);
    const killed = servers[0]!.kill();
    for (let i = 0; one.states.at(-1) === "up"; i++) {
      publish(one, "a", last + 1, last += 10);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    publish(one, "a", last + 1, last += 10);
    await killed;
    await one.is("up");
    publish(one, "a", last + 1, last += 10);
    await clock.advance(1_500);
    await told(two, heard, last, base);
    assert(missed(heard) >= 10);
    assertEquals(two.topics.stats().backplane?.repeated, 0);
    assertEquals(two.states, ["up"]);
  });
}, { skip });

test("NATS is frozen: found within 60 s by a probe, with one bound for what waits", async () => {
  await onServers([await startNats()], async ({ servers: [server], enter, clock }) => {
    const [one, two] = [await enter(), await enter()];
    const heard = await two.hear("a");
    publish(one, "a", 1, 10);
    await told(two, heard, 10);
    await one.topics.flush();
    await server!.freeze();
    const large = new Uint8Array(65_536);
    for (let i = 0; i < 64; i++) one.topics.publish("large", large);
    const { notTaken = 0, waiting = 0 } = one.topics.stats().backplane ?? {};
    assertEquals([notTaken + waiting, waiting], [64, 15]);
    await clock.advance(60_000);
    await Promise.all([one.is("down"), two.is("down")]);
    await assertRejects(() => one.topics.flush(), FlushError, "64 messages");
    publish(one, "a", 11, 15);
    server!.thaw();
    await Promise.all([one.is("up"), two.is("up")]);
    assertEquals(await two.topics.subscribe("a", () => {}), { joined: true });
    publish(one, "a", 16, 20);
    await told(two, heard, 20);
    assertEquals(missed(heard), 5);
  });
}, { skip });

test("NATS in a cluster has a frozen node: its clients go to another", async () => {
  await onServers(await startNatsCluster(), async ({ servers, enter, clock }) => {
    const [one, two] = [await enter(0), await enter(1)];
    const heard = await one.hear("a");
    await servers[0]!.freeze();
    for (let i = 0; i < 3; i++) {
      await clock.advance(10_000);
      // The server of the other one answers: that it did is to be seen before the clock goes on.
      for (let j = 0; j < 5; j++) await two.connection.flush();
    }
    await one.until(() => one.states.length === 3, "down and up");
    assertEquals(one.states, ["up", "down", "up"]);
    assertEquals(await one.topics.subscribe("a", () => {}), { joined: true });
    const last = await begin(two, one, heard);
    publish(two, "a", last + 1, last + 10);
    await one.until(() => heard.at(-1) === last + 10, "the last");
    assertEquals(missed(heard), 0);
  });
}, { skip });

test("NATS is killed and comes back: 10,000 topics are joined again", async () => {
  await onServers([await startNats()], async ({ servers: [server], enter }) => {
    const [one, two] = [await enter(), await enter()];
    const names = Array.from({ length: 10_000 }, (_, i) => `room ${i}`);
    const heard = new Map<string, number>();
    await Promise.all(
      names.map((name) =>
        two.topics.subscribe(name, (_data, _position, topic) => {
          heard.set(topic, (heard.get(topic) ?? 0) + 1);
        })
      ),
    );
    await server!.kill();
    await Promise.all([one.is("down"), two.is("down")]);
    await server!.restart();
    await Promise.all([one.is("up"), two.is("up")]);
    // One round trip for all of them, 25 to 40 ms, and none of the library's own waits: its clock has
    // stood still.
    assertEquals(await two.topics.subscribe(names.at(-1)!, () => {}), { joined: true });
    for (const name of names) one.topics.publish(name, "x");
    const end = await two.hear("end");
    publish(one, "end", 1, 1);
    await told(two, end, 1);
    assertEquals(heard.size, 10_000);
    assert([...heard.values()].every((count) => count === 1));
  });
}, { skip });

test("NATS cuts a slow consumer: what it has lost is told with the exact count", async () => {
  const config = "max_payload: 8192\nmax_pending: 16384";
  await onServers([await startNats({ config })], async ({ enter }) => {
    const [one, two] = [await enter(), await enter()];
    const heard = await two.hear("a");
    publish(one, "a", 1, 10);
    await told(two, heard, 10);
    let last = 10;
    const number = () => `${++last}`.padEnd(4_000);
    while (two.states.length === 1) {
      for (let i = 0; i < 100; i++) one.topics.publish("a", number());
      await one.topics.flush();
    }
    // The server may cut it again for what it still has for it: the last number shows the loss only
    // if it comes through.
    do {
      await two.is("up");
      await two.topics.subscribe("a", () => {});
      publish(one, "a", last + 1, ++last);
      await one.topics.flush();
      await two.connection.flush().catch(() => {});
    } while (heard.at(-1) !== last);
    await told(two, heard, last);
    assert(missed(heard) > 0);
    assertEquals(two.topics.stats().backplane?.missed, missed(heard));
    assertEquals(two.topics.stats().backplane?.repeated, 0);
    assertEquals(one.states, ["up"]);
  });
}, { skip });

test("NATS takes any name for that name alone", async () => {
  await onServers([await startNats()], async ({ enter }) => {
    const [one, two] = [await enter(), await enter()];
    const names = [
      ...["a", "a.b", "a.*", "a.>", ">", "*", "$SYS.>", "_INBOX.>", "a b", " ", ".", "..", "a."],
      ...[".a", "a\r\nPUB b 1\r\nx", "\0", "a\tb", "{a}", "a%20b", "%", "ä", "🎈", "t:a", "i:a"],
      ...["x".repeat(255), "é".repeat(127), ".".repeat(255)],
    ];
    const heard: [string, string][] = [];
    const end = await two.hear("end");
    for (const name of names) {
      const { joined } = await two.topics.subscribe(name, (data, _position, topic) => {
        heard.push([topic, `${data}`]);
      });
      assertEquals(joined, true);
    }
    for (const name of names) one.topics.publish(name, name);
    publish(one, "end", 1, 1);
    await told(two, end, 1);
    assertEquals(heard, names.map((name) => [name, name]));
    assertEquals([one.errors, two.errors], [[], []]);
  });
}, { skip });

test(
  "NATS loses a publisher in the middle of a batch: what came has no hole",
  async () => {
    await onServers([await startNats()], async ({ servers: [server], enter }) => {
      const process = await enter();
      const lists: number[][] = [];
      for (let round = 0; round < 2; round++) {
        const numbers: number[] = [];
        lists.push(numbers);
        let count = 0;
        const { joined } = await process.topics.subscribe(`round ${round}`, (data) => {
          numbers.push(Number(data));
          if (++count === 500) publisher.kill();
        });
        assertEquals(joined, true);
        const child = start(runtime, "test/topics/programs/nats_publisher.ts", [
          server!.address,
          `round ${round}`,
        ]);
        const publisher = { kill: () => void child.stop("SIGKILL") };
        await child.exit;
      }
      await process.topics.flush();
      for (const numbers of lists) {
        assert(numbers.length >= 500);
        assertEquals(numbers, Array.from({ length: numbers.length }, (_, i) => i + 1));
      }
      assertEquals(process.topics.stats().backplane?.missed, 0);
      assertEquals(process.states, ["up"]);
    });
  },
  { skip },
);

test("NATS refuses some subjects: joined is false, and what it did not take is told", async () => {
  const config = `authorization { users: [{ user: u, password: p, permissions: {
    publish: { allow: ["app.t:open", "app.t:deaf", "app.i:>"] },
    subscribe: { deny: ["app.t:deaf"] } } }] }`;
  await onServers([await startNats({ config })], async ({ enter, clock }) => {
    const [one, two] = [await enter(0, { prefix: "app." }), await enter(0, { prefix: "app." })];
    const heard = await two.hear("open");
    assertEquals(await two.topics.subscribe("deaf", () => {}), { joined: false });
    publish(one, "closed", 1, 3);
    const error = await assertRejects(() => one.topics.flush(), FlushError);
    assertEquals([error.count, (error.cause as Error).name], [3, "PermissionViolationError"]);
    publish(one, "open", 1, 3);
    await one.topics.flush();
    await told(two, heard, 3);
    assertEquals([one.states, two.states], [["up"], ["up"]]);
    assertEquals([one.errors.length, two.errors.length], [1, 1]);
    await clock.advance(9_000);
    assertEquals([one.errors.length, two.errors.length], [1, 1]);
  });
}, { skip });

test("NATS joins processes on two runtimes, and a message to one connection finds it", async () => {
  const other = runtimeNames[(runtimeNames.indexOf(runtime) + 1) % runtimeNames.length]!;
  await onServers([await startNats()], async ({ servers: [server], enter }) => {
    const process = await enter();
    const rooms = start(other, "test/topics/programs/nats_rooms.ts", [server!.address]);
    const [, url = ""] = await rooms.waitFor(/Listening on (\S+)/);
    const [anna, ben] = [await connectTo(url), await connectTo(url)];
    const [[id = "", ...joined]] = [`${await anna.receive()}`.split(" ")];
    assertEquals(joined, ["true"]);
    await ben.receive();
    const heard = await process.hear("room");

    await anna.send("1");
    assertEquals(await ben.receive(), "1");
    await told(process, heard, 1);
    publish(process, "room", 2, 2);
    for (const ws of [anna, ben]) assertEquals(await ws.receive(), "2");
    assertEquals(process.topics.send(id, "for you"), "passed on");
    assertEquals(process.topics.send(`${id}0`, "for nobody"), "passed on");
    publish(process, "room", 3, 3);
    assertEquals([await anna.receive(), await anna.receive()].sort(), ["3", "for you"]);
    assertEquals(await ben.receive(), "3");
    for (const ws of [anna, ben]) await ws.close();
    await rooms.stop("SIGKILL");
  });
}, { skip });

test(
  "NATS takes what a job publishes that connects, publishes and ends, as documented",
  async () => {
    const source = readFileSync(join(root, "runtimes/nats/mod.ts"), "utf8");
    const [, example = ""] = source.match(/```ts\n([^]*?) \* ```/) ?? [];
    const folder = mkdtempSync(join(root, "examples", ".nats-"));
    const server = await startNats();
    await onServers([server], async ({ enter }) => {
      const process = await enter();
      const heard = await process.hear("jobs");
      const file = join(folder, "job.ts");
      writeFileSync(
        file,
        `${example.replace(/^ \* ?/gm, "").replace("127.0.0.1:4222", server.address)}
for (let i = 1; i <= 1_000; i++) topics.publish("jobs", String(i));
await topics.close();
await connection.close();
`,
      );
      const job = start(runtime, file);
      assertEquals(await job.exit, 0, job.output());
      assertEquals(job.output(), "");
      await told(process, heard, 1_000);
      assertEquals(missed(heard), 0);
    });
    rmSync(folder, { recursive: true });
  },
  { skip },
);
