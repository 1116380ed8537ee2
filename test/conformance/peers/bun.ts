// Bun's own server as an echo server, compression on.

interface BunSocket {
  send(data: string | Uint8Array, compress?: boolean): number;
}

interface BunNamespace {
  serve(options: {
    hostname: string;
    port: number;
    fetch(request: Request, server: { upgrade(request: Request): boolean }): Response | undefined;
    websocket: {
      perMessageDeflate: boolean;
      maxPayloadLength: number;
      backpressureLimit: number;
      message(socket: BunSocket, data: string | Uint8Array): void;
    };
  }): { port: number };
}

const { Bun } = globalThis as unknown as { Bun: BunNamespace };

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, listener) =>
    listener.upgrade(request) ? undefined : new Response("Expected a WebSocket"),
  websocket: {
    perMessageDeflate: true,
    maxPayloadLength: 16_777_216,
    backpressureLimit: 67_108_864,
    message: (socket, data) => void socket.send(data, true),
  },
});
console.log(`Echoing at ws://127.0.0.1:${server.port}/`);
