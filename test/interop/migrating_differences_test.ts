// What docs/migrating.md says of others, and of which no program on the page is a proof.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect } from "@sansocket/ws";
import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { runtime, test } from "../support/test.ts";
import { skipReason } from "./harness.ts";
import { Queue } from "./peer.ts";

const on = (name: string) => runtime !== name && `a program for ${name}`;

test(
  "ws gives a Buffer, calls async listeners at once, checks no origin and loses early messages",
  async () => {
    const { WebSocketServer } = await import("ws");
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    const messages = new Queue<[data: unknown, isBinary: boolean]>();
    server.on("connection", (ws) => {
      ws.on("error", () => {});
      ws.once("ping", () => {
        ws.on("message", async (data, isBinary) => {
          messages.push([data, isBinary]);
          await new Promise(() => {});
        });
      });
    });
    assertEquals(server.options.maxPayload, 100 * 1024 * 1024);
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const ws = await connect(`ws://127.0.0.1:${port}/`, {
      headers: { origin: "https://a.example" },
    });
    await ws.send("lost");
    await ws.ping();
    for (const data of ["a", "b", "c"]) ws.send(data);
    const [data, isBinary] = await messages.shift();
    assert(data instanceof Uint8Array && data.constructor.name === "Buffer");
    assertEquals([String(data), isBinary], ["a", false]);
    await messages.shift();
    await messages.shift();
    server.close();
    assertEquals(ws.state, "open");
    await ws.close();
  },
  { skip: on("node") },
);

test("socket.io checks no origin of a WebSocket", async () => {
  const { Server } = await import("socket.io");
  const server = createServer();
  const io = new Server(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`;
  const ws = await connect(url, { headers: { origin: "https://a.example" } });
  assert(String(await ws.receive()).includes('"pingInterval":25000,"pingTimeout":20000'));
  await io.close();
  await ws.closed;
}, { skip: on("node") });

test("Deno gives an ArrayBuffer, and throws for a page", async () => {
  const { Deno } = globalThis as unknown as { Deno: NativeDeno };
  const types = new Queue<string>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    if (request.headers.get("upgrade") === null) {
      assertThrows(() => Deno.upgradeWebSocket(request));
      return new Response("a page");
    }
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = ({ data }) => types.push(data.constructor.name);
    return response;
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  assertEquals(await (await fetch(url)).text(), "a page");
  const ws = await connect(url);
  await ws.send(new Uint8Array([0x01]));
  assertEquals(await types.shift(), "ArrayBuffer");
  await ws.close();
  await server.shutdown();
}, { skip: on("deno") });

interface NativeDeno {
  serve(
    options: { port: number; hostname: string; onListen(): void },
    handler: (request: Request) => Response,
  ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> };
  upgradeWebSocket(request: Request): { socket: WebSocket; response: Response };
}

test("Bun calls async hooks for all messages at once", async () => {
  const { Bun } = globalThis as unknown as { Bun: NativeBun };
  const messages = new Queue<void>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => server.upgrade(request) ? undefined : new Response(),
    websocket: {
      async message() {
        messages.push();
        await new Promise(() => {});
      },
    },
  });
  const ws = await connect(`ws://127.0.0.1:${server.port}/`);
  for (let i = 0; i < 50; i++) ws.send("x");
  for (let i = 0; i < 50; i++) await messages.shift();
  await ws.close();
  await server.stop(true);
}, { skip: on("bun") });

interface NativeBun {
  serve(options: {
    port: number;
    hostname: string;
    fetch(request: Request, server: NativeServer): Response | undefined;
    websocket: { message(): Promise<void> };
  }): NativeServer;
}
interface NativeServer {
  readonly port: number;
  upgrade(request: Request): boolean;
  stop(force: boolean): Promise<void>;
}

const program = `
import inspect, json, logging
from geventwebsocket.websocket import WebSocket
from tornado import websocket
from websockets.legacy.server import Serve
sent = []
WebSocket.send_frame = lambda self, message, opcode: sent.append(list(message))
class Stream:
  read = write = None
class Handler:
  logger = logging.getLogger()
ws = WebSocket(None, Stream(), Handler())
ws.close(4000, "Goodbye")
defaults = inspect.signature(Serve.__init__).parameters
names = ["compression", "origins", "max_queue", "max_size", "ping_interval", "ping_timeout"]
print(json.dumps([
  bytes(sent[0]).decode(), websocket._default_max_message_size,
  [defaults[name].default for name in names],
]))
`;

const python = runtime === "node" ? spawnSync("/usr/bin/python3", ["-c", program]) : undefined;

test(
  "the libraries of Python have these defaults, and gevent-websocket closes without a code",
  () => {
    assertEquals(String(python?.stderr), "");
    assertEquals(JSON.parse(String(python?.stdout)), [
      "Goodbye",
      10 * 1024 * 1024,
      ["deflate", null, 32, 1024 * 1024, 20, 20],
    ]);
  },
  {
    skip: on("node") || (python?.status === 0 ? undefined : skipReason("no Python with these")),
  },
);
