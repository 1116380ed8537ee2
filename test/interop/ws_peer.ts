// The npm package `ws` as a peer, as a client and as a server.

import type * as ws from "ws";
import { Queue, toBytes } from "./peer.ts";
import type { Message, PeerClient, PeerConnection, PeerServer, PeerSocket } from "./peer.ts";

type Library = Pick<typeof ws, "WebSocket" | "WebSocketServer">;

/** The options of its permessage-deflate. */
export type DeflateOptions = ws.PerMessageDeflateOptions;

/** A server made with `ws`, or with something that has its interface. */
export function wsServer(
  name: string,
  library: Library,
  cannot: PeerServer["cannot"] = {},
  perMessageDeflate: DeflateOptions = {},
): PeerServer {
  return {
    name,
    cannot,
    async start(hooks) {
      const server = new library.WebSocketServer({
        host: "127.0.0.1",
        port: 0,
        perMessageDeflate,
        handleProtocols: (protocols) => protocols.has("chat.v2") && "chat.v2",
        verifyClient: ({ req }, done) => done(req.url !== "/refuse", 403, "Not here"),
      });
      await new Promise<void>((resolve) => server.once("listening", resolve));
      server.on("connection", (socket) => {
        const peer = wrap(socket);
        socket.on("message", (data, isBinary) => hooks.message(peer, toMessage(data, isBinary)));
        socket.on("pong", (data) => hooks.pong(peer, data.toString()));
        socket.on("close", (code, reason) => hooks.close(code, reason.toString()));
      });
      const address = server.address();
      return {
        port: typeof address === "object" && address ? address.port : 0,
        stop: () => new Promise((resolve) => server.close(() => resolve())),
      };
    },
  };
}

/** A client made with `ws`, or with something that has its interface. */
export function wsClient(
  name: string,
  library: Library,
  cannot: PeerClient["cannot"] = {},
  perMessageDeflate: DeflateOptions = {},
): PeerClient {
  return {
    name,
    cannot,
    connect: (url, protocols) =>
      new Promise((resolve, reject) => {
        const socket = new library.WebSocket(url, protocols, { perMessageDeflate });
        const messages = new Queue<Message>();
        const pongs = new Queue<string>();
        const closed = new Promise<{ code: number; reason: string }>((resolve) => {
          socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
        });
        socket.on("message", (data, isBinary) => messages.push(toMessage(data, isBinary)));
        socket.on("pong", (data) => pongs.push(data.toString()));
        // A refused client emits `error` and then `close`; the test goes on after both.
        socket.on("error", (error) => void closed.then(() => reject(error)));
        socket.on("open", () => {
          const connection: PeerConnection = {
            ...wrap(socket),
            protocol: socket.protocol,
            receive: () => messages.shift(),
            pong: () => pongs.shift(),
            closed,
          };
          resolve(connection);
        });
      }),
  };
}

function wrap(socket: ws.WebSocket): PeerSocket {
  return {
    send: (message) => socket.send(message),
    close: (code, reason) => socket.close(code, reason),
    ping: (data) => socket.ping(data),
    sendFragments(parts) {
      parts.forEach((part, index) => socket.send(part, { fin: index === parts.length - 1 }));
    },
  };
}

function toMessage(data: ws.RawData, isBinary: boolean): Message {
  return isBinary ? toBytes(data) : data.toString();
}
