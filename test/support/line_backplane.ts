// A broker of our own over TCP, and a driver for it: what "A backplane" in CONTRIBUTING.md tells,
// and no more.
//
// The protocol has one line for each command, and a line in return: "join a b", "leave a b" and
// "publish a BASE64" are answered by "done N", where N is the number of receivers. A message is the
// line "message a BASE64".

import { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import type { Backplane, BackplaneSink } from "../../src/topics/backplane.ts";

function onLines(socket: Socket, call: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) call(line);
  });
}

/** A broker that runs. */
export class LineBroker {
  /** Where it listens: the same port after each outage. */
  port = 0;
  #server: Server | undefined;
  readonly #clients: Map<Socket, Set<string>> = new Map();

  /** Starts it, also after an outage. */
  start(): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
    this.#server = server;
    return new Promise((resolve) => {
      server.listen(this.port, "127.0.0.1", () => {
        this.port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  /** Ends it, with all connections. */
  stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()));
    for (const socket of this.#clients.keys()) socket.destroy();
    return closed;
  }

  #serve(socket: Socket): void {
    const joined = new Set<string>();
    this.#clients.set(socket, joined);
    socket.on("close", () => this.#clients.delete(socket));
    socket.on("error", () => {});
    onLines(socket, (line) => {
      const [command, ...names] = line.split(" ");
      let count = 0;
      if (command === "join") { for (const name of names) joined.add(name); }
      if (command === "leave") { for (const name of names) joined.delete(name); }
      if (command === "publish") {
        for (const [client, channels] of this.#clients) {
          if (!channels.has(names[0]!)) continue;
          client.write(`message ${names.join(" ")}\n`);
          count++;
        }
      }
      socket.write(`done ${count}\n`);
    });
  }
}

/** A command that the broker has not answered. */
interface Pending {
  resolve(count: number): void;
  reject(error: Error): void;
}

/** The driver. */
export class LineBackplane implements Backplane {
  readonly name = "the line broker";
  // It has one thread, which sends a message to all before it reads the next.
  readonly ordered = true;
  readonly maxSize = 1_048_576;
  readonly #port: number;
  #sink: BackplaneSink | undefined;
  #socket: Socket | undefined;
  #up = false;
  /** In the order of the commands, which is that of the answers. */
  #pending: Pending[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** A driver for the broker on a port. */
  constructor(port: number) {
    this.#port = port;
  }

  start(sink: BackplaneSink): void {
    this.#sink = sink;
    this.#connect();
  }

  join(channels: readonly string[]): Promise<unknown> {
    return this.#command("join", channels);
  }

  leave(channels: readonly string[]): Promise<unknown> {
    return this.#command("leave", channels);
  }

  publish(channel: string, envelope: Uint8Array): Promise<number> {
    return this.#command("publish", [channel, Buffer.from(envelope).toString("base64")]);
  }

  restart(): void {
    this.#socket?.destroy(new Error("Connecting anew"));
  }

  close(): Promise<void> {
    this.#sink = undefined;
    clearTimeout(this.#timer);
    this.#lose(new Error("The topics are closed"));
    this.#socket?.destroy();
    return Promise.resolve();
  }

  #connect(): void {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    let reason = new Error("The broker has ended the connection");
    socket.on("connect", () => {
      if (this.#sink === undefined) return;
      this.#up = true;
      this.#sink.up();
    });
    socket.on("error", (error) => reason = error);
    socket.on("close", () => {
      if (this.#sink === undefined) return;
      this.#lose(reason);
      this.#timer = setTimeout(() => this.#connect(), 10);
    });
    onLines(socket, (line) => {
      const [kind, name = "", payload = ""] = line.split(" ");
      if (kind === "done") this.#pending.shift()?.resolve(Number(name));
      else if (this.#up) this.#sink?.message(name, new Uint8Array(Buffer.from(payload, "base64")));
    });
  }

  #command(name: string, words: readonly string[]): Promise<number> {
    if (!this.#up) return Promise.reject(new Error("The broker is away"));
    this.#socket?.write(`${[name, ...words].join(" ")}\n`);
    return new Promise((resolve, reject) => this.#pending.push({ resolve, reject }));
  }

  #lose(reason: Error): void {
    const wasUp = this.#up;
    this.#up = false;
    for (const { reject } of this.#pending.splice(0)) reject(reason);
    if (wasUp) this.#sink?.down(reason);
  }
}
