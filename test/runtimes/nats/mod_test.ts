// The driver for NATS, with a real nats-server: the contract of drivers, alone and in a cluster,
// and what is NATS's own.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { type Backplane, natsBackplane } from "@sansocket/ws/nats";
import {
  type NatsServer,
  routed,
  startNats,
  startNatsCluster,
  withoutNats,
} from "../../support/nats_server.ts";
import {
  backplaneSuite,
  type BrokerSetup,
  number,
  RecordingSink,
} from "../../topics/backplane_suite.ts";
import { test } from "../../support/test.ts";

/** Connects as the documentation says, but tries again sooner. */
function connected(servers: string | string[], more: object = {}): Promise<NatsConnection> {
  const often = { maxReconnectAttempts: -1, reconnectTimeWait: 10, reconnectJitter: 0 };
  return connect({ servers, ...often, ...more });
}

/** Servers for one test. Each driver connects to the next of them. */
async function brokers(servers: readonly NatsServer[]): Promise<BrokerSetup> {
  let next = 0;
  const more = () => connected(servers[next++ % servers.length]!.address);
  // connect() waits for a server: who starts without one has connected before.
  const spare = await more();
  // What a server has done, others of its cluster do a little later.
  const witnesses = servers.length > 1
    ? await Promise.all(servers.map(({ address }) => connected(address)))
    : [];
  let away = false;
  return {
    async driver() {
      const connection = away ? spare : await more();
      const backplane = natsBackplane(connection);
      return {
        backplane: witnesses.length > 0 ? everywhere(backplane, connection, witnesses) : backplane,
        works: () => connection.flush(),
        end: () => connection.close(),
      };
    },
    async outage() {
      away = true;
      await Promise.all(servers.map((server) => server.kill()));
      return async () => {
        // The others connect to the first, and try again only after a second.
        for (const server of servers) await server.restart();
        await routed(servers);
        away = false;
      };
    },
    async close() {
      await Promise.all([spare, ...witnesses].map((connection) => connection.close()));
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/** A driver whose `join()` and `leave()` wait until every server of a cluster knows. */
function everywhere(
  backplane: Backplane,
  connection: NatsConnection,
  witnesses: readonly NatsConnection[],
): Backplane {
  return {
    name: backplane.name,
    ordered: backplane.ordered,
    maxSize: backplane.maxSize,
    start: (sink) => backplane.start(sink),
    async join(channels) {
      await backplane.join(channels);
      await known(connection, witnesses);
    },
    async leave(channels) {
      await backplane.leave(channels);
      await known(connection, witnesses);
    },
    publish: (channel, envelope) => backplane.publish(channel, envelope),
    restart: () => backplane.restart?.(),
    close: () => backplane.close(),
  };
}

let marks = 0;

/** Resolves once all servers know what one client subscribes to: each learns it in order. */
async function known(connection: NatsConnection, witnesses: readonly NatsConnection[]) {
  for (const witness of witnesses) {
    const subject = `mark${marks++}`;
    let heard = false;
    connection.subscribe(subject, { max: 1, callback: () => void (heard = true) });
    while (!heard) {
      witness.publish(subject);
      await Promise.all([witness.flush(), connection.flush()]);
    }
  }
}

const options = { skip: withoutNats, counts: false, ordered: false };

backplaneSuite("natsBackplane", async () => brokers([await startNats()]), options);

backplaneSuite(
  "natsBackplane in a cluster",
  async () => brokers(await startNatsCluster()),
  options,
);

/** Runs a test with a server and a started driver, and ends everything. */
async function withDriver(
  body: (setup: {
    server: NatsServer;
    connection: NatsConnection;
    backplane: Backplane;
    sink: RecordingSink;
  }) => Promise<void>,
  config = "",
  more: object = {},
): Promise<void> {
  const server = await startNats({ config });
  const connection = await connected(server.address, more);
  const backplane = natsBackplane(connection);
  const sink = new RecordingSink();
  try {
    backplane.start(sink);
    await sink.is("up");
    await body({ server, connection, backplane, sink });
  } finally {
    await backplane.close();
    await connection.close();
    await server.stop();
  }
}

const skip = withoutNats;

test("natsBackplane refuses what is no connection, with the line that installs one", () => {
  const pending = Promise.resolve() as unknown;
  for (const given of [undefined, null, {}, "nats://localhost", pending]) {
    const error = assertThrows(() => natsBackplane(given as NatsConnection), TypeError);
    assert(error.message.startsWith("Expected a connection to NATS, got "), error.message);
    assert(error.message.includes("npm install @nats-io/transport-node"), error.message);
  }
});

test("natsBackplane refuses a connection with noEcho by name", async () => {
  await using server = await startNats();
  const connection = await connected(server.address, { noEcho: true });
  assertThrows(() => natsBackplane(connection), TypeError, "noEcho");
  await connection.close();
}, { skip });

test(
  "natsBackplane takes the largest message from what the server says, and refuses more",
  async () => {
    await withDriver(async ({ backplane, sink, server }) => {
      assertEquals(backplane.maxSize, 1_000);
      await backplane.join(["a"]);
      await backplane.publish("a", new Uint8Array(1_000));
      await assertRejects(
        () => backplane.publish("a", new Uint8Array(1_001)),
        Error,
        "max_payload",
      );
      await backplane.publish("a", number(7));
      await sink.count(2);
      await server.kill();
      await sink.is("down");
      assertEquals(backplane.maxSize, 1_000);
    }, "max_payload: 1000");
  },
  { skip },
);

const PERMISSIONS = (deny: string) =>
  `authorization { users: [{ user: u, password: p, permissions: { ${deny} } }] }`;
const USER = { user: "u", pass: "p" };

test("natsBackplane rejects a join that NATS refuses, and joins the others", async () => {
  await withDriver(
    async ({ backplane, sink }) => {
      const error = await assertRejects(() => backplane.join(["a", "secret.a", "b"]), Error);
      assertEquals(
        error.message,
        `NATS refuses to subscribe to "secret.a": let its user publish and subscribe to "topics.>", and give createTopics() the prefix "topics."`,
      );
      assertEquals((error.cause as Error).name, "PermissionViolationError");
      for (const [i, channel] of ["a", "b"].entries()) {
        await backplane.publish(channel, number(i));
        await sink.count(i + 1);
      }
      assertEquals(sink.states, ["up"]);
    },
    PERMISSIONS(`subscribe: { deny: "secret.>" }`),
    USER,
  );
}, { skip });

test("natsBackplane rejects what NATS does not let it publish, and nothing else", async () => {
  await withDriver(
    async ({ backplane, connection, sink }) => {
      await backplane.join(["a", "secret.a"]);
      for (let i = 0; i < 20; i++) {
        const error = await assertRejects(() => backplane.publish("secret.a", number(i)), Error);
        assertEquals(error.name, "PermissionViolationError");
        await backplane.publish("a", number(i));
        // What other code publishes on this connection is its own matter.
        connection.publish("secret.b", number(i));
        await backplane.publish("a", number(100 + i));
      }
      await sink.count(40);
      assertEquals(sink.numbers("a"), Array.from({ length: 20 }, (_, i) => [i, 100 + i]).flat());
      assertEquals(sink.states, ["up"]);
    },
    PERMISSIONS(`publish: { deny: "secret.>" }`),
    USER,
  );
}, { skip });

test("natsBackplane says that it is deaf when NATS takes a permission back", async () => {
  await withDriver(
    async ({ server, backplane, sink }) => {
      await backplane.join(["a", "secret.a"]);
      await server.configure(PERMISSIONS(`subscribe: { deny: "secret.>" }`));
      await sink.until(() => sink.states.length >= 3, "down and up");
      assertEquals(sink.states.slice(0, 3), ["up", "down", "up"]);
      await assertRejects(() => backplane.join(["a", "secret.a"]), Error, "secret.a");
    },
    PERMISSIONS(`subscribe: { deny: "other" }`),
    USER,
  );
}, { skip });

test("natsBackplane leaves no subscription behind when it is closed", async () => {
  await withDriver(async ({ backplane, connection, server, sink }) => {
    const others: number[] = [];
    connection.subscribe("a", { callback: (_, { data }) => void others.push(data.length) });
    await backplane.join(["a", "b", "c"]);
    await connection.flush();
    const count = async () => (await server.monitor("subsz") as { num_subscriptions: number });
    const before = (await count()).num_subscriptions;
    await backplane.close();
    await connection.flush();
    assertEquals((await count()).num_subscriptions, before - 3);
    connection.publish("a", number(1));
    await connection.flush();
    assertEquals([others, sink.messages], [[4], []]);
  });
}, { skip });

test("natsBackplane takes the dots of a prefix for parts of a subject", async () => {
  await withDriver(async ({ backplane, connection, sink }) => {
    const subjects: string[] = [];
    connection.subscribe("my.app.>", { callback: (_, { subject }) => void subjects.push(subject) });
    await backplane.join(["my.app.t:a", "my.app.t:%2A"]);
    for (const [i, channel] of ["my.app.t:a", "my.app.t:b", "my.app.t:%2A"].entries()) {
      await backplane.publish(channel, number(i));
    }
    await sink.count(2);
    assertEquals(sink.messages.map(({ channel }) => channel), ["my.app.t:a", "my.app.t:%2A"]);
    assertEquals(subjects, ["my.app.t:a", "my.app.t:b", "my.app.t:%2A"]);
  });
}, { skip });

test("natsBackplane says that the client has given up, and what to do", async () => {
  await withDriver(
    async ({ server, connection, backplane, sink }) => {
      await backplane.join(["a"]);
      await server.kill();
      assert(await connection.closed() instanceof Error);
      const said = () => sink.reasons.map((reason) => (reason as Error).message);
      await sink.until(() => /maxReconnectAttempts: -1/.test(said().at(-1) ?? ""), "the reason");
      await assertRejects(() => backplane.publish("a", number(1)));
      assertEquals(sink.states.includes("down"), true);
      assertEquals(sink.state, "down");
    },
    "",
    { maxReconnectAttempts: 2 },
  );
}, { skip });

test("natsBackplane is down when its connection is closed or drained under it", async () => {
  for (const end of ["close", "drain"] as const) {
    await withDriver(async ({ connection, backplane, sink }) => {
      await backplane.join(["a"]);
      const under = Array.from({ length: 20 }, (_, i) => backplane.publish("a", number(i)));
      await connection[end]();
      await sink.is("down");
      await Promise.allSettled(under);
      await assertRejects(() => backplane.publish("a", number(1)));
      await assertRejects(() => backplane.join(["b"]));
      await assertRejects(() => backplane.leave(["a"]));
    });
  }
}, { skip });

test("natsBackplane gets away from a server that is frozen, when it is told to", async () => {
  await withDriver(async ({ server, backplane, sink }) => {
    await backplane.join(["a"]);
    await server.freeze();
    const lost = backplane.publish("a", number(1));
    backplane.restart!();
    await sink.is("down");
    await assertRejects(() => lost);
    server.thaw();
    await sink.is("up");
    await backplane.join(["a"]);
    await backplane.publish("a", number(2));
    await sink.until(() => sink.numbers("a").includes(2), "2");
  });
}, { skip });
