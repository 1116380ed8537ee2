// The brokers that keep the history of topics and who is present, as tests start, kill and empty them.

import { connect } from "@nats-io/transport-node";
import type { TopicsOptions } from "@sansocket/ws";
import { natsBackplane } from "@sansocket/ws/nats";
import { redisBackplane } from "@sansocket/ws/redis";
import { createClient } from "redis";
import { startNats, withoutNats } from "../support/nats_server.ts";
import { redisSkip, startRedis } from "../support/redis_server.ts";

/** A broker, as these tests need one. */
export interface Broker {
  readonly name: string;
  /** What the program of a process is told. */
  readonly address: string;
  /** Makes a driver, and what ends its client. */
  driver(): Promise<[backplane: TopicsOptions["backplane"], end: () => unknown]>;
  /** Resolves once it has read all of the connections with this name, and they have ended. */
  gone(name: string): Promise<void>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Loses all data, while it is killed. */
  loseData(): Promise<void>;
  stop(): Promise<void>;
}

/** Those that keep history and presence. */
export const brokers: Record<string, { skip: string | false; start(): Promise<Broker> }> = {
  redis: {
    skip: redisSkip,
    async start() {
      const server = await startRedis("--appendonly", "yes", "--appendfsync", "always");
      let empty = false;
      return {
        name: "redis",
        address: `${server.port}`,
        async driver() {
          const socket = { port: server.port, host: "127.0.0.1", reconnectStrategy: 5 };
          const client = createClient({ socket });
          client.on("error", () => {});
          await client.connect();
          return [redisBackplane(client), () => client.destroy()];
        },
        gone: (name) => server.until(new RegExp(`^(?![^]* name=${name})`), "CLIENT", "LIST"),
        kill: () => server.kill(),
        async restart() {
          await server.restart();
          if (empty) await server.command("FLUSHALL");
          empty = false;
        },
        loseData() {
          empty = true;
          return Promise.resolve();
        },
        stop: () => server.stop(),
      };
    },
  },
  nats: {
    skip: withoutNats,
    async start() {
      const server = await startNats({ jetStream: true });
      const often = { maxReconnectAttempts: -1, reconnectTimeWait: 10, reconnectJitter: 0 };
      return {
        name: "nats",
        address: server.address,
        async driver() {
          const connection = await connect({ servers: server.address, ...often });
          return [natsBackplane(connection), () => connection.close()];
        },
        async gone(name) {
          const there = async (): Promise<boolean> => {
            const { connections } = await server.monitor("connz") as {
              connections: { name?: string }[];
            };
            return connections.some((connection) => connection.name === name);
          };
          while (await there());
        },
        kill: () => server.kill(),
        restart: () => server.restart(),
        loseData: () => server.loseData(),
        stop: () => server.stop(),
      };
    },
  },
};
