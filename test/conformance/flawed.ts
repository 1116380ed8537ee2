// An echo server and an echo client with one flaw each, for the suite's own test: a case that cannot
// fail would judge nothing. Without a flaw they are right in all that `selfTest` cases look at.

import { Buffer, isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { bytesOf, encodeFrame, type Frame, FrameReader, type FrameSpec, Opcode } from "./codec.ts";
import { Compressor, Decompressor } from "./deflate.ts";
import { agreement, parseExtensions } from "./extension.ts";
import { acceptance, readHead } from "./handshake.ts";
import { close, closeBody } from "./judge.ts";

/** What is wrong with an endpoint. */
export type Flaw =
  | "none"
  | "takes frames with or without a mask"
  | "sends frames with the mask of the other role"
  | "uses one masking key"
  | "ignores reserved bits"
  | "ignores reserved opcodes"
  | "ignores FIN on control frames"
  | "ignores the length of control frames"
  | "ignores the order of fragments"
  | "ignores UTF-8"
  | "ignores close codes"
  | "does not answer pings"
  | "answers pings with nothing in them"
  | "drops the last octet"
  | "echoes binary as text"
  | "echoes everything twice"
  | "echoes after a Close frame"
  | "fails without a Close frame"
  | "fails with 1011"
  | "does not end TCP"
  | "takes an invalid offer"
  | "ignores server_max_window_bits"
  | "takes over the context against the agreement";

/** One end of a connection that echoes. */
class FlawedEcho {
  readonly #socket: Socket;
  readonly #server: boolean;
  readonly #flaw: Flaw;
  readonly #reader = new FrameReader();
  readonly #compressor: Compressor | undefined;
  readonly #decompressor: Decompressor | undefined;
  #frames: Frame[] = [];
  #closed = false;

  constructor(socket: Socket, server: boolean, flaw: Flaw, extensions = "") {
    this.#socket = socket;
    this.#server = server;
    this.#flaw = flaw;
    const [extension] = parseExtensions(extensions);
    if (extension !== undefined) {
      const { client, server: own } = agreement(extension);
      this.#decompressor = new Decompressor(client);
      this.#compressor = new Compressor({
        noContextTakeover: own.noContextTakeover && !this.#has("takes over the context against"),
        maxWindowBits: this.#has("ignores server_max_window_bits") ? 15 : own.maxWindowBits,
      });
    }
    socket.on("data", (chunk: Buffer) => this.receive(chunk)).on("error", () => {});
    socket.on("end", () => {
      if (!server) socket.end();
    });
    socket.resume();
  }

  receive(chunk: Buffer): void {
    this.#reader.push(chunk);
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      if (this.#closed && !this.#has("echoes after")) return;
      const code = this.#fault(frame) ?? this.#accept(frame);
      if (code !== undefined) return this.#fail(code);
    }
  }

  #has(flaw: string): boolean {
    return this.#flaw.startsWith(flaw);
  }

  #send(frame: FrameSpec): void {
    const masked = this.#server === this.#has("sends frames with the mask");
    const key = this.#has("uses one masking key") ? { key: Buffer.from("abcd") } : {};
    this.#socket.write(encodeFrame({ ...frame, ...key }, masked));
  }

  /** The close code for a frame that is wrong by itself. */
  #fault({ fin, rsv, opcode, key, payload, minimal }: Frame): number | undefined {
    const control = opcode >= Opcode.close;
    if ((key !== undefined) !== this.#server && !this.#has("takes frames with")) return 1002;
    const compressed = rsv === 4 && this.#decompressor !== undefined && !control && opcode > 0;
    if (rsv !== 0 && !compressed && !this.#has("ignores reserved bits")) return 1002;
    if (!Object.values<number>(Opcode).includes(opcode)) {
      return this.#has("ignores reserved opcodes") ? undefined : 1002;
    }
    if (!minimal) return 1002;
    if (control) {
      if (!fin && !this.#has("ignores FIN")) return 1002;
      return payload.length > 125 && !this.#has("ignores the length") ? 1002 : undefined;
    }
    const continues = this.#frames.length > 0;
    return (opcode === Opcode.continuation) !== continues && !this.#has("ignores the order")
      ? 1002
      : undefined;
  }

  #accept(frame: Frame): number | undefined {
    const { opcode, payload } = frame;
    if (opcode === Opcode.close) return this.#acceptClose(payload);
    if (opcode === Opcode.ping) {
      const echo = this.#has("answers pings with") ? "" : payload;
      if (!this.#has("does not answer pings")) this.#send({ opcode: Opcode.pong, payload: echo });
    } else if (opcode <= Opcode.binary) {
      this.#frames.push(frame);
      if (frame.fin) return this.#acceptMessage();
    }
    return undefined;
  }

  #acceptMessage(): number | undefined {
    const frames = this.#frames;
    this.#frames = [];
    const raw = Buffer.concat(frames.map(({ payload }) => payload));
    const first = frames[0]!;
    const inflated = first.rsv === 4 && this.#decompressor
      ? this.#decompressor.decompress(raw)
      : raw;
    const { opcode } = first;
    if (opcode === Opcode.text && !isUtf8(inflated) && !this.#has("ignores UTF-8")) return 1007;
    const echo = this.#has("drops the last octet") ? inflated.subarray(0, -1) : inflated;
    const payload = this.#compressor?.compress(echo) ?? echo;
    const rsv = this.#compressor ? 4 : 0;
    const frame = {
      opcode: this.#has("echoes binary as text") ? Opcode.text : opcode,
      rsv,
      payload,
    };
    for (let copies = this.#has("echoes everything twice") ? 2 : 1; copies > 0; copies--) {
      this.#send(frame);
    }
    return undefined;
  }

  #acceptClose(body: Buffer): number | undefined {
    if (body.length === 1) return 1002;
    const code = body.length === 0 ? 1000 : body.readUInt16BE(0);
    const valid = (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) ||
      (code >= 3000 && code <= 4999);
    if (!valid && !this.#has("ignores close codes")) return 1002;
    if (!isUtf8(body.subarray(2))) return 1007;
    this.#send(close(1000));
    this.#end();
    return undefined;
  }

  #fail(code: number): void {
    const sent = this.#has("fails with 1011") ? 1011 : code;
    if (!this.#has("fails without")) {
      this.#send({ opcode: Opcode.close, payload: closeBody(sent) });
    }
    this.#end();
  }

  #end(): void {
    this.#closed = true;
    if (this.#server && !this.#has("does not end TCP") && !this.#has("echoes after")) {
      this.#socket.end();
    }
  }
}

/** An echo server with a flaw. */
export function startFlawedServer(flaw: Flaw): Promise<{ url: URL; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, async (socket) => {
    sockets.add(socket);
    const head = await readHead(socket, 5_000);
    const extensions = answerTo(head.fields.get("sec-websocket-extensions") ?? "", flaw);
    socket.write(acceptance(head, extensions));
    new FlawedEcho(socket, true, flaw, extensions).receive(head.rest);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({
        url: new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`),
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}

/** Takes an offer that asks for nothing but what the server's direction can do. */
function answerTo(offer: string, flaw: Flaw): string {
  const [extension] = parseExtensions(offer);
  if (extension === undefined) return "";
  const known = extension.parameters.filter(([name]) => name.startsWith("server_"));
  const valid = extension.parameters.every(([name]) => /^(?:server|client)_/.test(name));
  if (!valid && flaw !== "takes an invalid offer") return "";
  const parameters = known.map(([name, value]) => value === undefined ? name : `${name}=${value}`);
  return ["permessage-deflate", ...parameters].join("; ");
}

/** Runs a client with a flaw through `count` cases of a fuzzing server. */
export async function runFlawedClient(url: string, count: number, flaw: Flaw): Promise<void> {
  const { hostname, port } = new URL(url);
  for (let number = 1; number <= count; number++) {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const closed = new Promise((resolve) => socket.on("close", resolve));
    const key = createHash("md5").update(String(number)).digest("base64");
    socket.write(bytesOf(
      `GET /runCase?case=${number}&agent=flawed HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    ));
    const head = await readHead(socket, 5_000);
    new FlawedEcho(socket, false, flaw).receive(head.rest);
    await closed;
  }
}
