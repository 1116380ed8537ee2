// As a consumer of Django Channels: a group for each room, and messages in JSON.

import { parseJson, type WebSocketHooks } from "@sansocket/ws";

/** What happens on a connection to a room. */
export const consumer: WebSocketHooks<{ room: string }> = {
  async open(ws) {
    await ws.subscribe(`chat.${ws.data.room}`);
    ws.publish(`chat.${ws.data.room}`, JSON.stringify({ event: "joined" }));
  },
  message(ws, data) {
    const { text } = Object(parseJson(ws, data)) as { text?: unknown };
    const message = JSON.stringify({ event: "said", text: String(text) });
    ws.publish(`chat.${ws.data.room}`, message);
    return ws.send(message);
  },
  close(ws) {
    ws.publish(`chat.${ws.data.room}`, JSON.stringify({ event: "left" }));
  },
};
