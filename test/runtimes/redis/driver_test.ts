// The contract of drivers, held by Redis with both packages, on real servers. No client has a
// listener for errors but that of the driver: an outage must not end the process.

import { Redis } from "ioredis";
import { createClient } from "redis";
import { redisBackplane } from "../../../runtimes/redis/mod.ts";
import { redisSkip as skip, startRedis } from "../../support/redis_server.ts";
import { backplaneSuite, type DriverSetup } from "../../topics/backplane_suite.ts";

type Make = (port: number, sharded: boolean) => DriverSetup;

const clients: readonly [name: string, make: Make][] = [
  ["redis", (port, sharded) => {
    const client = createClient({ socket: { port, host: "127.0.0.1", reconnectStrategy: 5 } });
    const backplane = redisBackplane(client, { sharded });
    client.connect().catch(() => {});
    return { backplane, works: () => client.ping(), end: () => client.destroy() };
  }],
  ["ioredis", (port, sharded) => {
    const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 5 });
    return {
      backplane: redisBackplane(client, { sharded }),
      works: () => client.ping(),
      end: () => client.disconnect(),
    };
  }],
];

for (const [name, make] of clients) {
  for (const sharded of [false, true]) {
    backplaneSuite(`redisBackplane() with ${name}${sharded ? ", sharded," : ""}`, async () => {
      const server = await startRedis();
      return {
        driver: () => make(server.port, sharded),
        async outage() {
          await server.kill();
          return () => server.restart();
        },
        close: () => server.stop(),
      };
    }, { skip, counts: true, ordered: true, many: 1_500 });
  }
}
