// The runtimes' own clients and servers as peers. Only what is used of `Deno` and `Bun` is typed.

import { Queue, toBytes } from "./peer.ts";
import type { Message, PeerClient, PeerServer, PeerSocket } from "./peer.ts";

interface BunSocket {
  send(message: Message): number;
  close(code?: number, reason?: string): void;
  ping(data: string): number;
}

interface Runtimes {
  Deno?: {
    serve(
      options: { port: number; hostname: string; onListen(): void },
      handler: (request: Request) => Response,
    ): { addr: { port: number }; shutdown(): Promise<void> };
    upgradeWebSocket(
      request: Request,
      options: { protocol?: string },
    ): { socket: WebSocket; response: Response };
  };
  Bun?: {
    serve(options: {
      port: number;
      hostname: string;
      fetch(request: Request, server: BunServer): Response | undefined;
      websocket: {
        perMessageDeflate: boolean;
        message(socket: BunSocket, data: string | Uint8Array): void;
        pong(socket: BunSocket, data: Uint8Array): void;
        close(socket: BunSocket, code: number, reason: string): void;
      };
    }): BunServer;
  };
}

interface BunServer {
  readonly port: number;
  upgrade(request: Request, options: { headers: Record<string, string> }): boolean;
  stop(force: boolean): Promise<void>;
}

const { Deno, Bun } = globalThis as Runtimes;

/** A client that has the browsers' `WebSocket` interface. */
export function whatwgClient(
  name: string,
  WebSocketClass: typeof WebSocket,
  cannot: PeerClient["cannot"] = {},
): PeerClient {
  return {
    name,
    cannot: {
      ...cannot,
      ping: "the WHATWG interface has no ping()",
      fragment: "the WHATWG interface sends each message in one frame",
      status: "the WHATWG interface hides why a handshake failed",
    },
    connect: (url, protocols) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocketClass(url, protocols);
        socket.binaryType = "arraybuffer";
        const messages = new Queue<Message>();
        const closed = new Promise<{ code: number; reason: string }>((resolve) => {
          socket.onclose = ({ code, reason }) => resolve({ code, reason });
        });
        // undici emits no `close` after a refusal, which the WHATWG's page asks for.
        socket.onerror = () => reject(new Error("The handshake failed"));
        socket.onmessage = ({ data }) => messages.push(toMessage(data));
        socket.onopen = () =>
          resolve({
            ...wrap(socket),
            protocol: socket.protocol,
            receive: () => messages.shift(),
            closed,
          });
      }),
  };
}

/** Deno's own client. */
export function denoClient(WebSocketClass: typeof WebSocket): PeerClient {
  return whatwgClient("the WebSocket of deno", WebSocketClass, {
    compression: "Deno's WebSocket knows no extensions",
  });
}

/** `Deno.serve` with `Deno.upgradeWebSocket`. */
export const denoServer: PeerServer = {
  name: "Deno.serve",
  cannot: {
    compression: "Deno.upgradeWebSocket knows no extensions",
    ping: "Deno.upgradeWebSocket has no ping()",
    fragment: "Deno.upgradeWebSocket sends each message in one frame",
  },
  start(hooks) {
    const server = Deno!.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
      if (isRefused(request)) return new Response("Not here", { status: 403 });
      const protocol = chooseProtocol(request);
      const { socket, response } = Deno!.upgradeWebSocket(request, protocol ? { protocol } : {});
      const peer = wrap(socket);
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => hooks.message(peer, toMessage(data));
      socket.onclose = ({ code, reason }) => hooks.close(code, reason);
      return response;
    });
    return Promise.resolve({ port: server.addr.port, stop: () => server.shutdown() });
  },
};

/** `Bun.serve` with its `websocket` handler. */
export const bunServer: PeerServer = {
  name: "Bun.serve",
  cannot: { fragment: "Bun.serve sends each message in one frame" },
  start(hooks) {
    const wrapped = (socket: BunSocket): PeerSocket => ({
      send: (message) => void socket.send(message),
      close: (code, reason) => socket.close(code, reason),
      ping: (data) => void socket.ping(data),
    });
    const server = Bun!.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request, server) {
        if (isRefused(request)) return new Response("Not here", { status: 403 });
        const protocol = chooseProtocol(request);
        const headers: Record<string, string> = {};
        if (protocol) headers["sec-websocket-protocol"] = protocol;
        return server.upgrade(request, { headers }) ? undefined : new Response("", { status: 400 });
      },
      websocket: {
        perMessageDeflate: true,
        message: (socket, data) => {
          hooks.message(wrapped(socket), typeof data === "string" ? data : toBytes(data));
        },
        pong: (socket, data) => hooks.pong(wrapped(socket), new TextDecoder().decode(data)),
        close: (_socket, code, reason) => hooks.close(code, reason),
      },
    });
    return Promise.resolve({ port: server.port, stop: () => server.stop(true) });
  },
};

function wrap(socket: WebSocket): PeerSocket {
  return {
    send: (message) => socket.send(typeof message === "string" ? message : message.slice()),
    close: (code, reason) => socket.close(code, reason),
  };
}

function isRefused(request: Request): boolean {
  return new URL(request.url).pathname === "/refuse";
}

function chooseProtocol(request: Request): string | undefined {
  const offer = request.headers.get("sec-websocket-protocol") ?? "";
  return offer.split(/, */).find((protocol) => protocol === "chat.v2");
}

function toMessage(data: string | ArrayBuffer): Message {
  return typeof data === "string" ? data : toBytes(data);
}
