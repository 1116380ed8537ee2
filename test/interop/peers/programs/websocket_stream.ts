// Deno's WebSocketStream, which needs a flag: it ends with 0 if a client reads and writes by web
// streams, and if a client that does not read holds its server back.

interface Duplex {
  readonly readable: ReadableStream<string | Uint8Array>;
  readonly writable: WritableStream<string | Uint8Array>;
}

interface Runtime {
  serve(
    options: { port: number; hostname: string; onListen(): void },
    handler: (request: Request) => Response,
  ): { readonly addr: { readonly port: number } };
  upgradeWebSocket(request: Request): { readonly socket: WebSocket; readonly response: Response };
  exit(code: number): never;
}

const { Deno, WebSocketStream } = globalThis as unknown as {
  Deno: Runtime;
  WebSocketStream: new (url: string) => { readonly opened: Promise<Duplex> };
};

const bound = setTimeout(() => Deno.exit(2), 5_000);
let held = (_: boolean): void => {};
const isHeld = new Promise<boolean>((resolve) => held = resolve);

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = ({ data }) => {
    socket.send(data);
    for (let i = 0; i < 40; i++) socket.send(new Uint8Array(1 << 20));
    setTimeout(() => held(socket.bufferedAmount > 16 << 20), 50);
  };
  return response;
});

const stream = new WebSocketStream(`ws://127.0.0.1:${server.addr.port}/`);
const { readable, writable } = await stream.opened;
await writable.getWriter().write("Hello");
const { value } = await readable.getReader().read();
const works = value === "Hello" && await isHeld;
clearTimeout(bound);
Deno.exit(works ? 0 : 1);
