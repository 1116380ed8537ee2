import { createTopics, type Topics, type WebSocketConnection } from "@sansocket/ws";
import { redisBackplane } from "@sansocket/ws/redis";
import process from "node:process";
import { createClient } from "redis";

const { REDIS_URL } = process.env;
const redis = REDIS_URL ? await createClient({ url: REDIS_URL }).connect() : undefined;

export const topics: Topics = createTopics({
  backplane: redis && redisBackplane(redis),
  outage: "hold",
  onFirstSubscriber: watch,
  history: [{
    prefix: "",
    size: 50,
    ttl: 86_400_000,
    format: (data, { epoch, offset }) =>
      JSON.stringify({ ...JSON.parse(data as string), position: `${offset} ${epoch}` }),
  }],
});

export const chatters: Set<WebSocketConnection<{ room: string }>> = new Set();

export async function peopleIn(room: string): Promise<string> {
  const members = await topics.presence(room).list().catch(() => []);
  return JSON.stringify({ people: members.map(({ key }) => key).sort() });
}

const watched = new Set<string>();

/** Sends the names in a room to its pages, each time that they change. */
async function watch(room: string): Promise<void> {
  if (watched.has(room)) return;
  watched.add(room);
  for await (const _change of topics.presence(room)) {
    if (topics.subscribers(room) === 0) break;
    const people = await peopleIn(room);
    for (const ws of chatters) if (ws.data.room === room) ws.send(people);
  }
  watched.delete(room);
}
