import type { TopicPosition, WebSocketHooks } from "@sansocket/ws";
import { chatters, peopleIn, topics } from "./topics.ts";

interface Place {
  room: string;
  name: string;
  since: TopicPosition | undefined;
}

export const chat: WebSocketHooks<Place> = {
  async open(ws) {
    const { room, name, since = { last: 50 } } = ws.data;
    chatters.add(ws);
    const { recovered } = await ws.subscribe(room, { presence: { key: name }, since });
    if (!recovered) ws.send('{"missed":true}');
    ws.send(await peopleIn(room));
  },
  message(ws, text) {
    if (typeof text !== "string") return void ws.close(1003, "Expected text");
    const { room, name } = ws.data;
    topics.publish(room, JSON.stringify({ name, text }));
  },
  close(ws) {
    chatters.delete(ws);
  },
};

/** Reads the position that a page sends: it may be anything. */
export function readPosition(text: string | null): TopicPosition | undefined {
  const [, offset, epoch] = text?.match(/^(\d{1,15}) (.{1,100})$/) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}
