import { createServer } from "node:http";
import net from "node:net";
import { Duplex } from "node:stream";
import tls from "node:tls";
import { assertEquals } from "@std/assert";
import { createDevelopmentCertificate } from "../../../src/transport/certificate.ts";
import { NodeTransport } from "../../../runtimes/shared/node_transport.ts";
import { isPlain } from "../../../runtimes/shared/plain_socket.ts";
import { runtime, test } from "../../support/test.ts";

/** Both ends of a connection. */
async function sockets(
  server: net.Server,
  event: string,
  connect: (port: number) => net.Socket,
): Promise<[net.Socket, net.Socket]> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<net.Socket>((resolve) => server.once(event, resolve));
  const opened = connect((server.address() as net.AddressInfo).port);
  opened.on("error", () => {});
  return [await accepted, opened];
}

function drop(server: net.Server, pair: net.Socket[]): Promise<void> {
  for (const socket of pair) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

const host = "127.0.0.1";

test("isPlain() is true for the sockets of node:net and node:tls", async () => {
  const server = net.createServer();
  const pair = await sockets(server, "connection", (port) => net.connect({ port, host }));
  assertEquals(pair.map(isPlain), [true, true]);
  // Only of Node's own it is known what becomes of a chunk.
  assertEquals(new NodeTransport(pair[0]).borrows, runtime === "node");
  await drop(server, pair);

  const secure = tls.createServer(await createDevelopmentCertificate());
  const connect = (port: number): net.Socket =>
    tls.connect({ port, host, rejectUnauthorized: false });
  const encrypted = await sockets(secure, "secureConnection", connect);
  assertEquals(encrypted.map(isPlain), [true, true]);
  assertEquals(new NodeTransport(encrypted[0]).borrows, runtime === "node");
  await drop(secure, encrypted);
});

test("isPlain() is true for the socket of a request to node:http", async () => {
  const server = createServer();
  const upgraded = new Promise<net.Socket>((resolve) =>
    server.on("upgrade", (_request, socket) => resolve(socket as net.Socket))
  );
  const pair = await sockets(server, "connection", (port) => net.connect({ port, host }));
  pair[1].write("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  assertEquals(isPlain(await upgraded), true);
  await drop(server, [...pair, await upgraded]);
}, { skip: runtime !== "node" && "only Node's are made of sockets of node:net" });

test("isPlain() is false for whatever else there is", async () => {
  const server = net.createServer();
  const pair = await sockets(server, "connection", (port) => net.connect({ port, host }));
  const [socket] = pair;
  class Other extends net.Socket {}
  const others: Duplex[] = [
    new Duplex(),
    new Other(),
    new Proxy(socket, {}),
    new net.Socket({ write() {} } as object),
    Object.assign(new net.Socket(), { write: () => true }),
    Object.assign(new net.Socket(), { _writev: () => {} }),
    Object.assign(new net.Socket(), { pause: () => {} }),
    Object.defineProperty(new net.Socket(), "remoteAddress", { value: "127.0.0.1" }),
    Object.defineProperty(new Duplex(), "encrypted", {
      get: () => {
        throw new Error("encrypted is broken");
      },
    }),
    Object.create(socket),
  ];
  assertEquals(others.map(isPlain), others.map(() => false));
  assertEquals(new NodeTransport(others[0] as net.Socket).borrows, false);
  Object.assign(socket, { _write: () => {} });
  assertEquals(isPlain(socket), false);
  await drop(server, pair);
});
