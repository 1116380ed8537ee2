// Drivers with JetStream on a real nats-server, and sinks that keep positions.

import { connect, type NatsConnection } from "@nats-io/transport-node";
import {
  type Backplane,
  type HistoryStore,
  natsBackplane,
  type PresenceStore,
} from "@sansocket/ws/nats";
import { type NatsServer, startNats } from "../../support/nats_server.ts";
import { RecordingSink } from "../../topics/backplane_suite.ts";

/** A started driver. */
export interface Driver {
  readonly connection: NatsConnection;
  readonly backplane: Backplane;
  readonly history: HistoryStore;
  readonly presence: PresenceStore;
  readonly sink: RecordingSink;
  /** Asks the API of JetStream. */
  api(what: string, body?: object): Promise<Record<string, unknown>>;
  /** Ends it. */
  end(): Promise<void>;
}

/** A server with JetStream, and drivers on it. */
export interface JetStreamStage {
  readonly server: NatsServer;
  /** Starts a driver, and waits until it is up. */
  start(): Promise<Driver>;
}

/** Connects as the documentation says, but tries again sooner. */
export function connected(servers: string, more: object = {}): Promise<NatsConnection> {
  const often = { maxReconnectAttempts: -1, reconnectTimeWait: 10, reconnectJitter: 0 };
  return connect({ servers, ...often, ...more });
}

/** Starts a driver, and waits until it is up. */
export async function startDriver(server: NatsServer, more: object = {}): Promise<Driver> {
  const connection = await connected(server.address, more);
  const backplane = natsBackplane(connection);
  const sink = new RecordingSink();
  backplane.start(sink);
  await sink.is("up");
  return {
    connection,
    backplane,
    history: backplane.history!,
    presence: backplane.presence!,
    sink,
    async api(what, body = {}) {
      const answer = await connection.request(`$JS.API.${what}`, JSON.stringify(body));
      return answer.json();
    },
    async end() {
      await backplane.close();
      await connection.close();
    },
  };
}

/** Runs a test with a server that has JetStream, and ends everything. */
export async function withJetStream(
  body: (stage: JetStreamStage) => Promise<void>,
  config = "",
  more: object = {},
): Promise<void> {
  const server = await startNats({ jetStream: true, config });
  const drivers: Driver[] = [];
  try {
    await body({
      server,
      async start() {
        const driver = await startDriver(server, more);
        drivers.push(driver);
        return driver;
      },
    });
  } finally {
    server.thaw();
    await Promise.all(drivers.map((driver) => driver.end()));
    await server.stop();
  }
}
