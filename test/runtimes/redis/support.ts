// Drivers on a real redis-server, for tests of what they keep.

import { Redis } from "ioredis";
import { createClient } from "redis";
import { type Backplane, redisBackplane } from "@sansocket/ws/redis";
import type { HistoryStore, PresenceStore } from "../../../src/topics/backplane.ts";
import { type RedisServer, startRedis } from "../../support/redis_server.ts";
import { RecordingSink } from "../../topics/backplane_suite.ts";

/** The packages that speak to Redis. */
export const packages = ["redis", "ioredis"] as const;

/** One of them. */
export type Package = typeof packages[number];

/** What a driver can be told. */
export interface DriverOptions {
  /** Default: false. */
  readonly sharded?: boolean;
  /** A prefix of keys, for `ioredis`. */
  readonly keyPrefix?: string;
  /** The user, for a server that has more than one. */
  readonly username?: string;
}

/** A driver that is up. */
export interface Driver {
  readonly backplane: Backplane;
  readonly history: HistoryStore;
  readonly presence: PresenceStore;
  readonly sink: RecordingSink;
}

/** A server, and drivers on it. */
export interface Stage {
  readonly server: RedisServer;
  /** Starts a driver, and waits until it is up. */
  start(name: Package, options?: DriverOptions): Promise<Driver>;
}

/** Runs a test with a server, and ends everything. */
export async function withRedis(
  args: readonly string[],
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  const server = await startRedis(...args);
  const ends: (() => unknown)[] = [() => server.stop()];
  try {
    await body({
      server,
      async start(name, options = {}) {
        const [backplane, end] = makeDriver(name, server.port, options);
        const sink = new RecordingSink();
        ends.unshift(() => backplane.close(), end);
        backplane.start(sink);
        await sink.is("up");
        return { backplane, history: backplane.history!, presence: backplane.presence!, sink };
      },
    });
  } finally {
    for (const end of ends) await end();
  }
}

function makeDriver(
  name: Package,
  port: number,
  { sharded = false, keyPrefix, username }: DriverOptions,
): [Backplane, end: () => void] {
  const user = username === undefined ? {} : { username, password: "secret" };
  if (name === "redis") {
    const socket = { port, host: "127.0.0.1", reconnectStrategy: 5 };
    const client = createClient({ socket, ...user });
    client.connect().catch(() => {});
    return [redisBackplane(client, { sharded }), () => client.destroy()];
  }
  const prefix = keyPrefix === undefined ? {} : { keyPrefix };
  const client = new Redis({
    ...{ port, host: "127.0.0.1", retryStrategy: () => 5 },
    ...prefix,
    ...user,
  });
  return [redisBackplane(client, { sharded }), () => client.disconnect()];
}
