import { createTopics, type Topics, type WebSocketConnection } from "@sansocket/ws";

export const topics: Topics = createTopics({
  onFirstSubscriber: watch,
  history: [{ prefix: "", size: 50, ttl: 86_400_000 }],
});

export const chatters: Set<WebSocketConnection<{ room: string }>> = new Set();

export async function peopleIn(room: string): Promise<string> {
  const members = await topics.presence(room).list();
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
