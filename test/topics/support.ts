// Servers with topics in memory, and their connections from both ends.

import { createTopics, type Topics, type WebSocketConnection } from "@sansocket/ws";
import type { ServerOptions, WebSocketHooks } from "@sansocket/ws";
import { createNetwork, type Network } from "@sansocket/ws/testing";

/** A connection from both ends. */
export interface Ends {
  /** The client's end. */
  readonly client: WebSocketConnection;
  /** The server's end. */
  readonly server: WebSocketConnection;
}

/** A server with topics, and its clients. */
export interface Hall extends AsyncDisposable {
  /** The network. */
  readonly network: Network;
  /** The topics. */
  readonly topics: Topics;
  /** Connects a client, which has subscribed to these topics. */
  enter(...topics: string[]): Promise<Ends>;
}

/** Opens a server in memory. */
export async function openHall(
  options: ServerOptions = {},
  hooks: WebSocketHooks = {},
): Promise<Hall> {
  const network = createNetwork();
  const topics = options.topics ?? createTopics();
  const server = await network.serve({ ...options, topics, websocket: hooks });
  const clients: WebSocketConnection[] = [];
  return {
    network,
    topics,
    async enter(...names) {
      const before = new Set(server.connections);
      const client = await network.connect(server.url);
      clients.push(client);
      const [ws] = [...server.connections].filter((ws) => !before.has(ws));
      for (const name of names) await ws!.subscribe(name);
      return { client, server: ws! };
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.terminate();
      await server.close({ timeout: 1 });
    },
  };
}

/** Takes so many messages. */
export async function take(ws: WebSocketConnection, count: number): Promise<unknown[]> {
  const messages: unknown[] = [];
  while (messages.length < count) messages.push(await ws.receive());
  return messages;
}
