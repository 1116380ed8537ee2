/**
 * Topics of several processes, joined by Redis: Pub/Sub, or sharded Pub/Sub on a cluster.
 *
 * @module @sansocket/ws/redis
 */

import type { Backplane } from "../../src/topics/backplane.ts";
import { checkOptions } from "../../src/util/check_options.ts";
import { connectionOf, type IORedisClient, type RedisClient } from "./connection.ts";
import { REDIS_OPTIONS, RedisBackplane, type RedisBackplaneOptions } from "./driver.ts";

export type {
  Backplane,
  BackplaneSink,
  HistoryStore,
  PresenceEntry,
  PresenceStore,
  Retention,
  StoredPosition,
  StorePage,
  StorePosition,
  StoreReceipt,
} from "../../src/topics/backplane.ts";
export type { Clock, Deadline, Watched } from "../../src/util/clock.ts";
export type { IORedisClient, RedisClient } from "./connection.ts";
export type { RedisBackplaneOptions } from "./driver.ts";

/**
 * Joins the topics of several processes by Redis.
 *
 * Your client publishes; a duplicate of it, made with the same options, subscribes. The topics are
 * connected while both are, and the client connects again by its own rules. Nothing is given to it
 * while it is not ready. A listener for its `error` events is added, and stays, so that an outage
 * does not end the process. Closing the topics ends the duplicate, and not your client.
 *
 * One Redis server has one order for all messages of a channel, and so has a sharded channel:
 * `order: "broker"` needs one of these. Redis says how many have received a message, without those
 * that listen to a replica: the driver asks the server for its role whenever it connects, and
 * relies on the number only where there are no replicas.
 *
 * @param client A client of `redis` 5 or later, from `createClient()` or `createCluster()`, or one
 * of `ioredis` 5 or later. It may be connected now or later; it must not have subscribed.
 * @param options Whether Pub/Sub is sharded.
 * @returns The backplane, for one `createTopics()`.
 * @throws {TypeError} When it is no such client, or an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { createTopics } from "@sansocket/ws";
 * import { redisBackplane } from "@sansocket/ws/redis";
 * import { createClient } from "redis";
 *
 * const client = await createClient({ url: "redis://127.0.0.1:6379" }).connect();
 * const topics = createTopics({ backplane: redisBackplane(client) });
 * topics.publish("news", "hello");
 * ```
 */
export function redisBackplane(
  client: RedisClient | IORedisClient,
  options: RedisBackplaneOptions = {},
): Backplane {
  checkOptions("redisBackplane()", options, REDIS_OPTIONS);
  const { sharded = false } = options;
  return new RedisBackplane(connectionOf(client, sharded), sharded);
}
