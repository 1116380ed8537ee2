// TCP peers that send whatever a test wants, well-formed or not, over `node:net`, which all three runtimes have.
//
// 1. Half-open is allowed: the peer's end ends nothing here, so a test sees both directions end.
// 2. Each `take…()` waits for its bytes and throws when the stream ends without them, so no test can hang on
//    a peer that has hung up, and none needs to sleep.
// 3. HTTP is read here with a parser of its own, not with the library's.

import net from "node:net";
import { decodeHex } from "@std/encoding";
import { change, REQUEST } from "../handshake/heads.ts";

/** A response as it came. */
export interface RawResponse {
  /** The status-line and the field lines, without their line ends. */
  readonly lines: readonly string[];
  /** The status code. */
  readonly status: number;
  /** The value of a field; several lines are joined by ", ". */
  get(name: string): string | undefined;
  /** The body, without its transfer coding, one character for each byte. */
  readonly body: string;
}

/** A frame as it came. */
export interface RawFrame {
  /** The first octet: FIN, RSV bits and opcode. */
  readonly first: number;
  /** Whether it was masked. */
  readonly masked: boolean;
  /** The payload, unmasked. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** What a raw peer needs of a `net.Socket`; clocked.ts has one in memory. */
export interface RawSocket {
  on(event: string, listener: (...args: never[]) => void): unknown;
  write(data: Uint8Array, done?: (error?: Error | null) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  resetAndDestroy(): unknown;
  destroy(): unknown;
}

/** One end of a TCP connection. */
export class RawPeer implements AsyncDisposable {
  /** Resolves when the socket is gone. */
  readonly closed: Promise<void>;
  readonly #socket: RawSocket;
  #chunks: Uint8Array[] = [];
  #length = 0;
  #ended = false;
  #gone = false;
  #error: Error | undefined;
  #waiting: (() => void)[] = [];

  /** Takes a socket over. */
  constructor(socket: RawSocket) {
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("error", (error: Error) => this.#error = error);
    this.closed = new Promise((resolve) =>
      socket.on("close", () => {
        this.#ended = this.#gone = true;
        this.#wake();
        resolve();
      })
    );
  }

  /** Connects to a port of this machine. */
  static dial(port: number): Promise<RawPeer> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawPeer(socket));
      });
    });
  }

  /** What went wrong with the socket: ECONNRESET after a reset. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Bytes that have come and were not taken. */
  get available(): number {
    return this.#length;
  }

  /** Sends bytes, or a text with one byte for each character. */
  send(data: string | Uint8Array): void {
    this.#socket.write(typeof data === "string" ? latin1(data) : data);
  }

  /** Sends bytes given as hex; blanks are ignored. */
  sendHex(hex: string): void {
    this.send(decodeHex(hex.replaceAll(" ", "")));
  }

  /** Sends bytes and waits until the system has taken them. */
  flush(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.write(data, (error) => error ? reject(error) : resolve())
    );
  }

  /** Sends whatever has come and comes on to another peer. */
  pipeTo(peer: RawPeer): void {
    peer.send(this.#shift(this.#length));
    this.#socket.on("data", (chunk: Uint8Array) => peer.#socket.write(chunk));
  }

  /** Stops reading. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume();
  }

  /** Ends this side of the stream. */
  end(): void {
    this.#socket.end();
  }

  /** Resets the connection. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Takes `length` bytes. */
  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#length < length) await this.#more(`${length} bytes`);
    return this.#shift(length);
  }

  /** Takes the text through the next `marker`. */
  async takeThrough(marker: string): Promise<string> {
    for (;;) {
      const text = toLatin1(this.#join());
      const index = text.indexOf(marker);
      if (index >= 0) return toLatin1(this.#shift(index + marker.length));
      await this.#more(JSON.stringify(marker));
    }
  }

  /** Takes all that comes before the end of the stream. */
  async takeRest(): Promise<Uint8Array<ArrayBuffer>> {
    while (!this.#ended) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#shift(this.#length);
  }

  /** Takes one response to a request with `method`. */
  async takeResponse(method = "GET"): Promise<RawResponse> {
    const lines = (await this.takeThrough("\r\n\r\n")).slice(0, -4).split("\r\n");
    const status = Number(lines[0]?.split(" ")[1]);
    const get = (name: string): string | undefined => {
      const prefix = `${name.toLowerCase()}:`;
      const found = lines.slice(1).filter((line) => line.toLowerCase().startsWith(prefix));
      if (found.length === 0) return undefined;
      return found.map((line) => line.slice(prefix.length).trim()).join(", ");
    };
    const body = method === "HEAD" || status < 200 || status === 204 || status === 304
      ? ""
      : await this.#takeBody(get);
    return { lines, status, get, body };
  }

  async #takeBody(get: (name: string) => string | undefined): Promise<string> {
    const length = get("content-length");
    if (get("transfer-encoding") === undefined) {
      return toLatin1(length === undefined ? await this.takeRest() : await this.take(+length));
    }
    let body = "";
    for (;;) {
      const size = parseInt(await this.takeThrough("\r\n"), 16);
      body += toLatin1(await this.take(size));
      await this.takeThrough("\r\n");
      if (size === 0) return body;
    }
  }

  /** Takes one frame. */
  async takeFrame(): Promise<RawFrame> {
    const [first = 0, second = 0] = await this.take(2);
    const extended = (second & 0x7f) === 126 ? 2 : (second & 0x7f) === 127 ? 8 : 0;
    let length = extended === 0 ? second & 0x7f : 0;
    for (const octet of await this.take(extended)) length = length * 256 + octet;
    const masked = second > 0x7f;
    const key = await this.take(masked ? 4 : 0);
    const payload = await this.take(length);
    if (masked) { for (let i = 0; i < length; i++) payload[i]! ^= key[i % 4]!; }
    return { first, masked, payload };
  }

  /** Takes the frame that must be a Close frame, and returns its code and reason. */
  async takeClose(): Promise<{ code: number; reason: string }> {
    const { first, payload } = await this.takeFrame();
    if (first !== 0x88) throw new Error(`Expected a Close frame, got 0x${first.toString(16)}`);
    const code = payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
    return { code, reason: new TextDecoder().decode(payload.subarray(2)) };
  }

  /** Opens a WebSocket connection, with changes to the lines of the handshake as in heads.ts. */
  async upgrade(...changes: string[]): Promise<RawResponse> {
    this.send(handshake(...changes));
    return await this.takeResponse();
  }

  /** Drops the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  async #more(what: string): Promise<void> {
    if (this.#ended) {
      const got = toLatin1(this.#join());
      throw new Error(
        `Expected ${what}, got ${JSON.stringify(got)} and the end (${this.#error ?? "no error"})`,
      );
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #join(): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(this.#length);
    let position = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, position);
      position += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }

  #shift(length: number): Uint8Array<ArrayBuffer> {
    const joined = this.#join();
    this.#chunks = [joined.subarray(length)];
    this.#length -= length;
    return joined.slice(0, length);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** A TCP server whose connections a test answers by hand. */
export class RawServer implements AsyncDisposable {
  /** The port that it listens on. */
  readonly port: number;
  readonly #server: net.Server;
  readonly #peers: RawPeer[] = [];
  readonly #accepted: RawPeer[] = [];
  readonly #waiting: ((peer: RawPeer) => void)[] = [];

  /** Takes over a server that listens. */
  constructor(server: net.Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on("connection", (socket: net.Socket) => {
      const peer = new RawPeer(socket);
      this.#peers.push(peer);
      const resolve = this.#waiting.shift();
      if (resolve === undefined) this.#accepted.push(peer);
      else resolve(peer);
    });
  }

  /** Starts one. */
  static listen(): Promise<RawServer> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true });
    return new Promise((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve(new RawServer(server)))
    );
  }

  /** Where a client finds it. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** The next connection. */
  accept(): Promise<RawPeer> {
    const peer = this.#accepted.shift();
    if (peer !== undefined) return Promise.resolve(peer);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Stops listening and drops all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await Promise.all(this.#peers.map((peer) => peer[Symbol.asyncDispose]()));
    await closed;
  }
}

/** The lines of an opening handshake as text, with changes as in heads.ts. */
export function handshake(...changes: string[]): string {
  return change(REQUEST, ...changes).join("\r\n") + "\r\n\r\n";
}

function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function toLatin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return text;
}
