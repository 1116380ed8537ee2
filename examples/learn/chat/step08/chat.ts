import type { WebSocketHooks } from "@sansocket/ws";
import { chatters, peopleIn, topics } from "./topics.ts";

interface Place {
  room: string;
  name: string;
}

export const chat: WebSocketHooks<Place> = {
  async open(ws) {
    const { room, name } = ws.data;
    chatters.add(ws);
    await ws.subscribe(room, { presence: { key: name }, since: { last: 50 } });
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
