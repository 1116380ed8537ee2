// A server in memory, and the WHATWG classes that connect to it.

import {
  type CloseInfo,
  createWebSocketClass,
  createWebSocketStreamClass,
  type WebSocketClass,
  type WebSocketConnection,
  type WebSocketStreamClass,
} from "@sansocket/ws";
import { createNetwork, type TestClock } from "@sansocket/ws/testing";
import type { Server } from "@sansocket/ws";

/** Handles a connection on the server. */
export type Handler = (ws: WebSocketConnection) => unknown;

/** A server in memory, and its clients. */
export interface WhatwgScene {
  /** The classes, whose connections go through memory. */
  readonly WebSocket: WebSocketClass;
  readonly WebSocketStream: WebSocketStreamClass;
  readonly server: Server;
  /** Where the server is, with `ws:`. */
  readonly url: string;
  /** The server's end of each connection, and how it ended. */
  readonly peers: WebSocketConnection[];
  readonly ends: Promise<CloseInfo>[];
}

/** Starts a server with one handler and, if given, one subprotocol and a clock. */
export async function openWhatwg(
  websocket: Handler,
  protocol?: string,
  clock?: TestClock,
): Promise<WhatwgScene> {
  const { serve, connect } = createNetwork(clock === undefined ? {} : { clock });
  const ends: Promise<CloseInfo>[] = [];
  const peers: WebSocketConnection[] = [];
  const server = await serve({
    fetch: (_, { upgrade }) =>
      upgrade((ws) => {
        ends.push(ws.closed);
        peers.push(ws);
        return websocket(ws);
      }, protocol === undefined ? {} : { protocol }),
  });
  return {
    WebSocket: createWebSocketClass(connect),
    WebSocketStream: createWebSocketStreamClass(connect),
    server,
    url: server.url.replace("http:", "ws:"),
    ends,
    peers,
  };
}

/** Sends each message back. */
export const echo: Handler = async (ws) => {
  for await (const message of ws) await ws.send(message);
};
