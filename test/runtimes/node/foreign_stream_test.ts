// attach() on streams that are not the runtime's own sockets: what they are given is theirs for good, and what they give
// stays as it is. Each keeps what it is given and looks at it again when others have sent; some then transfer it.

import { createServer, type Server } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { connect as connectSocket, createServer as createTcpServer, Socket } from "node:net";
import { Duplex } from "node:stream";
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { encodeHex } from "@std/encoding";
import { connect, serve, type WebSocketConnection } from "@sansocket/ws";
import { attach } from "@sansocket/ws/node";
import { concat } from "../../../src/util/bytes.ts";
import { isPending, settled, withResolvers } from "../../support/connections.ts";
import { utf8 } from "../../support/established.ts";
import { decodeFrames, encodeFrames } from "../../support/frames.ts";
import { runtime, test } from "../../support/test.ts";

const KEY = Uint8Array.of(1, 2, 3, 4);

/** What a stream was given: the chunks themselves, and what was in them then. */
class Record {
  readonly chunks: Uint8Array[] = [];
  readonly copies: Uint8Array<ArrayBuffer>[] = [];

  add(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.copies.push(new Uint8Array(chunk));
  }

  /** The texts that were echoed, and the sizes of what else was. */
  get echoes(): (string | number)[] {
    const bytes = concat(this.copies);
    const head = utf8("\r\n\r\n");
    const start = bytes.findIndex((_, i) => head.every((octet, j) => bytes[i + j] === octet));
    return decodeFrames(bytes.subarray(start + 4)).map(({ opcode, payload }) =>
      opcode === 1 ? new TextDecoder().decode(payload) : payload.length
    );
  }

  assertUnchanged(): void {
    assertEquals(
      this.chunks.map((chunk) => encodeHex(chunk)),
      this.copies.map((c) => encodeHex(c)),
    );
  }
}

/** A stream on which a connection is attached, and its other side. */
interface Line {
  readonly record: Record;
  /** Sends a text to the server's end, and resolves when it has been echoed. */
  echo(message: string | Uint8Array): Promise<void>;
  end(): void;
}

/** Hands a stream to the server as an upgrade that its parser has read. */
function upgrade(server: Server, stream: Duplex): void {
  const fields = {
    Host: "example.org",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const request = {
    method: "GET",
    url: "/",
    headers: { upgrade: "websocket" },
    rawHeaders: Object.entries(fields).flat(),
  };
  server.emit("upgrade", request, stream, new Uint8Array());
}

function frame(message: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return typeof message === "string"
    ? encodeFrames({ opcode: 1, key: KEY, payload: utf8(message) })
    : encodeFrames({ opcode: 2, key: KEY, payload: message });
}

/** A stream that passes on what it is given as it is, and is no socket. */
class Wire extends Duplex {
  readonly record = new Record();
  written = withResolvers<void>();

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.record.add(chunk);
    this.written.resolve();
    done();
  }
}

function wire(server: Server): Line {
  const stream = new Wire();
  upgrade(server, stream);
  return {
    record: stream.record,
    async echo(message) {
      stream.written = withResolvers<void>();
      stream.push(frame(message));
      await stream.written.promise;
      await settled();
    },
    end: () => void stream.destroy(),
  };
}

/** A TCP connection whose end at the server is what `wrap` makes of it. */
async function overTcp(
  server: Server,
  wrap: (socket: Socket, record: Record) => Duplex,
): Promise<Line> {
  const record = new Record();
  const listening = createTcpServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<Socket>((resolve) => listening.once("connection", resolve));
  const { port } = listening.address() as { port: number };
  const far = connectSocket({ port, host: "127.0.0.1" });
  upgrade(server, wrap(await accepted, record));
  let received = 0;
  let wake = (): void => {};
  far.on("data", (chunk: Uint8Array) => {
    received += chunk.length;
    wake();
  });
  const total = (): number => record.copies.reduce((sum, { length }) => sum + length, 0);
  return {
    record,
    async echo(message) {
      const before = total();
      far.write(frame(message));
      // An echo has four octets less than what was sent.
      const expected = frame(message).length - 4;
      while (total() < before + expected || received < total()) {
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    end() {
      far.destroy();
      listening.close();
    },
  };
}

/** A socket with a method of its own in place of one of the class. */
function withOwnWrite(socket: Socket, record: Record): Duplex {
  const { write } = socket;
  return Object.assign(socket, {
    write(this: Socket, chunk: Uint8Array, ...more: unknown[]): boolean {
      record.add(chunk);
      return Reflect.apply(write, this, [chunk, ...more]);
    },
  });
}

/** A socket behind a proxy, which says that it is of the same class. */
function behindProxy(socket: Socket, record: Record): Duplex {
  return new Proxy(socket, {
    get(target, name): unknown {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (name === "write") record.add(args[0] as Uint8Array);
        return Reflect.apply(value, target, args);
      };
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

/** The same socket as an instance of a subclass. */
function asSubclass(socket: Socket, record: Record): Duplex {
  class Recording extends Socket {
    override write(chunk: Uint8Array | string, ...more: never[]): boolean {
      record.add(chunk as Uint8Array);
      return super.write(chunk, ...more);
    }
  }
  return Object.setPrototypeOf(socket, Recording.prototype);
}

const kinds: { [name: string]: (server: Server) => Line | Promise<Line> } = {
  "a stream that is no socket": wire,
  "a socket with a method of its own": (server) => overTcp(server, withOwnWrite),
  "a socket behind a proxy": (server) => overTcp(server, behindProxy),
  "a socket of a subclass": (server) => overTcp(server, asSubclass),
};

for (const [kind, open] of Object.entries(kinds)) {
  test(`attach() gives ${kind} bytes of its own, and leaves what it gives as it is`, async () => {
    const server = createServer();
    const errors: unknown[] = [];
    const attached = attach(server, {
      websocket: { message: (ws, data) => ws.send(data) },
      error: (error) => errors.push(error),
    });
    await using other = await serve({
      port: 0,
      websocket: { message: (ws, data) => ws.send(data) },
    });
    const ws = await connect(other.url);
    const [alice, bob] = [await open(server), await open(server)];
    const large = new Uint8Array(70_000).fill(7);
    for (let round = 0; round < 5; round++) {
      for (const [line, name] of [[alice, "alice"], [bob, "bob"]] as const) {
        await line.echo(`${name} says ${round} and no more`);
        ws.send(`somebody else says ${round}`);
        assertEquals(await ws.receive(), `somebody else says ${round}`);
      }
    }
    await alice.echo(large);
    await bob.echo(large);
    const expected = (name: string): (string | number)[] => [
      ...Array.from({ length: 5 }, (_, round) => `${name} says ${round} and no more`),
      70_000,
    ];
    assertEquals([alice.record.echoes, bob.record.echoes], [expected("alice"), expected("bob")]);
    for (const { record } of [alice, bob]) record.assertUnchanged();
    // What is theirs can be transferred, and nobody else notices.
    for (const chunk of alice.record.chunks) {
      if (chunk.length > 0) {
        structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
      }
    }
    await bob.echo("after all");
    assertEquals(bob.record.echoes.at(-1), "after all");
    ws.send("after all");
    assertEquals(await ws.receive(), "after all");
    assertEquals(errors, []);
    await ws.close();
    alice.end();
    bob.end();
    await attached.close({ timeout: 10_000 });
  });
}

test("attach() does not change what a stream gave it", async () => {
  const server = createServer();
  const received = withResolvers<string>();
  const attached = attach(server, {
    websocket: { message: (_, data) => received.resolve(data as string) },
  });
  const stream = new Wire();
  upgrade(server, stream);
  // As a stream that hands the same chunk to several readers, or lies in Node's pool.
  const chunk = frame("several read this");
  const copy = chunk.slice();
  stream.push(chunk);
  assertEquals(await received.promise, "several read this");
  assertEquals(encodeHex(chunk), encodeHex(copy));
  stream.destroy();
  await attached.close({ timeout: 10_000 });
});

test("attach() refuses, and asks the application, on a stream that is no socket", async () => {
  const server = createServer((_request, response) => void response.end("a page"));
  const attached = attach(server, {});
  const stream = new Wire();
  const finished = new Promise<void>((resolve) => stream.on("finish", resolve));
  upgrade(server, stream);
  await finished;
  const text = new TextDecoder().decode(concat(stream.record.copies));
  assert(text.startsWith("HTTP/1.1 200 OK") && text.endsWith("a page"), text);
  stream.destroy();
  await attached.close({ timeout: 10_000 });
}, { skip: runtime !== "node" && "only Node answers on a stream that is no socket" });

test("attach() works on a stream of HTTP/2", async () => {
  const server = createServer();
  const attached = attach(server, { websocket: { message: (ws, data) => ws.send(data) } });
  const tunnels = createHttp2Server();
  tunnels.on("stream", (stream) => {
    stream.respond({ ":status": 200 });
    upgrade(server, stream);
  });
  await new Promise<void>((resolve) => tunnels.listen(0, "127.0.0.1", resolve));
  const { port } = tunnels.address() as { port: number };
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const received = [new Record(), new Record()];
  const streams = received.map((record) => {
    const stream = session.request({ ":method": "POST" }, { endStream: false });
    stream.on("data", (chunk: Uint8Array) => record.add(chunk));
    return stream;
  });
  for (let round = 0; round < 20; round++) {
    for (const [i, stream] of streams.entries()) {
      const length = (): number =>
        received[i]!.copies.reduce((sum, chunk) => sum + chunk.length, 0);
      const before = Math.max(length(), 129);
      const message = frame(`stream ${i}, round ${round}`);
      stream.write(message);
      while (length() < before + message.length - 4) {
        await new Promise((resolve) => stream.once("data", resolve));
      }
    }
  }
  for (const [i, record] of received.entries()) {
    assertEquals(
      record.echoes,
      Array.from({ length: 20 }, (_, round) => `stream ${i}, round ${round}`),
    );
  }
  assertGreater(attached.connections.size, 1);
  for (const stream of streams) stream.destroy();
  session.destroy();
  await new Promise<void>((resolve) => tunnels.close(() => resolve()));
  await attached.close({ timeout: 10_000 });
}, { skip: runtime !== "node" && "only Node's streams of HTTP/2 are tried" });

/** Makes a member of a stream throw: a method when it is called, anything else when it is read. */
function breakMember(stream: Duplex, member: string): Error {
  const broken = new Error(`${member} is broken`);
  const throws = (): never => {
    throw broken;
  };
  const isMethod = /^set[A-Z]|^unref$/.test(member) ||
    typeof Reflect.get(stream, member) === "function";
  const descriptor = isMethod ? { value: throws } : { get: throws, set: throws };
  Object.defineProperty(stream, member, { ...descriptor, configurable: true });
  return broken;
}

type Bystander = AsyncDisposable & {
  readonly server: Server;
  readonly connections: ReadonlySet<WebSocketConnection>;
  /** The calls of the option `error`. */
  readonly reported: unknown[];
  /** Holds the `message` hooks up until it resolves. */
  gate: Promise<void>;
  /** The connection that was opened last. */
  last: WebSocketConnection | undefined;
  /** Sees an echo on the other connection, and no connection besides. */
  assertAlone(): Promise<void>;
};

/** A server with a connection that is to go on. */
async function bystander(): Promise<Bystander> {
  const server = createServer();
  const reported: unknown[] = [];
  const attached = attach(server, {
    heartbeat: false,
    websocket: {
      open: (ws) => void (it.last = ws),
      message: async (ws, data) => {
        await it.gate;
        await ws.send(data).catch(() => {});
      },
    },
    error: (error) => reported.push(error),
  });
  const it: Bystander = {
    server,
    connections: attached.connections,
    reported,
    gate: Promise.resolve(),
    last: undefined,
    async assertAlone() {
      it.gate = Promise.resolve();
      await line.echo("goes on");
      assertEquals(line.record.echoes.at(-1), "goes on");
      assertEquals(attached.connections.size, 1);
    },
    async [Symbol.asyncDispose]() {
      line.end();
      await attached.close({ timeout: 10_000 });
    },
  };
  const line = wire(server);
  await settled();
  await line.echo("begins");
  return it;
}

/** What a connection uses to be opened. */
const usedAtOnce = [
  "on",
  "pause",
  "resume",
  "write",
  "_write",
  "setTimeout",
  "setNoDelay",
  "allowHalfOpen",
  "remoteAddress",
  "writableLength",
  "destroyed",
];

for (const member of usedAtOnce) {
  for (const also of ["", "destroy"]) {
    const title = `attach() outlives a stream whose ${member} throws${also && ", and destroy too"}`;
    test(title, async () => {
      await using other = await bystander();
      const stream = new Wire();
      if (also) breakMember(stream, also);
      const broken = breakMember(stream, member);
      other.last = undefined;
      upgrade(other.server, stream);
      await settled();
      assertEquals(other.reported, [broken]);
      const last = other.last as WebSocketConnection | undefined;
      if (last !== undefined) {
        const { code, endedBy, cause } = await last.closed;
        assertEquals([code, endedBy, cause], [1006, "transport", broken]);
      }
      await other.assertAlone();
    });
  }
}

const message = (stream: Duplex): void => void stream.push(frame("to be echoed"));

/** More than a connection holds for a busy handler. */
function flood(stream: Duplex): void {
  for (let i = 0; i < 20; i++) stream.push(frame(`message ${i}`));
}

/** Holds the `message` hooks up until the stream emits "go on". */
function hold(stream: Duplex, other: Bystander): void {
  const gate = withResolvers<void>();
  other.gate = gate.promise;
  stream.once("go on", gate.resolve);
}

/** How an open connection comes to use a member; `before` it breaks, and then. */
const usedLater: {
  [member: string]: {
    before?: (stream: Duplex, other: Bystander) => void;
    use: (stream: Duplex, ws: WebSocketConnection, other: Bystander) => void;
  };
} = {
  write: { use: message },
  _write: { use: message },
  writableLength: { use: message },
  destroyed: { use: message },
  pause: { before: hold, use: flood },
  resume: {
    before: (stream, other) => {
      hold(stream, other);
      flood(stream);
    },
    use: (stream) => void stream.emit("go on"),
  },
  end: {
    use: (stream) =>
      void stream.push(encodeFrames({ opcode: 8, key: KEY, payload: new Uint8Array() })),
  },
  unref: { use: (_, ws) => ws.unref() },
  localAddress: { use: (_, ws) => assertEquals(ws.localAddress, undefined) },
};

for (const [member, { before, use }] of Object.entries(usedLater)) {
  for (const also of ["", "destroy"]) {
    const title = `a connection ends with what ${member} of its stream throws${
      also && ", though destroy throws too"
    }`;
    test(title, async () => {
      await using other = await bystander();
      const stream = new Wire();
      upgrade(other.server, stream);
      await settled();
      const ws = other.last!;
      before?.(stream, other);
      await settled();
      if (also) breakMember(stream, also);
      const broken = breakMember(stream, member);
      use(stream, ws, other);
      const { code, endedBy, cause } = await ws.closed;
      // The Close frames had been exchanged when `end` was called.
      const expected = member === "end" ? 1005 : 1006;
      assertEquals([code, endedBy, cause], [expected, "transport", broken]);
      stream.emit("go on");
      await settled();
      assertEquals(other.reported, [broken]);
      await other.assertAlone();
    });
  }
}

const fails = (): never => {
  throw new Error("It cannot be read");
};

/** Values that code throws by mistake, or that are not what they seem, and what is said of them. */
const thrown: { [what: string]: [value: unknown, said: RegExp] } = {
  "undefined": [undefined, /^undefined$/],
  "null": [null, /^null$/],
  "a symbol": [Symbol("odd"), /^Symbol\(odd\)$/],
  "an object without a prototype": [Object.create(null), /^Object$/],
  "an error without a prototype": [Object.setPrototypeOf(new Error("odd"), null), /^Error$/],
  "an object that cannot become a string": [{ toString: fails }, /whose own code throws/],
  "an object whose tag throws": [
    Object.defineProperty({}, Symbol.toStringTag, { get: fails }),
    /whose own code throws/,
  ],
  "an error whose message throws": [
    Object.defineProperty(new Error(), "message", { get: fails }),
    /whose own code throws/,
  ],
  "an error whose code throws": [
    Object.defineProperty(new Error(), "code", { get: fails }),
    /whose own code throws/,
  ],
  "an error whose message is no string": [
    Object.defineProperty(new Error(), "message", { value: 5 }),
    /^Error: 5$/,
  ],
  "a proxy that throws": [
    new Proxy({}, { get: fails, has: fails, getPrototypeOf: fails }),
    /whose own code throws/,
  ],
};

for (const [what, [value, said]] of Object.entries(thrown)) {
  for (const way of ["throws", "emits as its 'error'"]) {
    test(`a connection ends when its stream ${way} ${what}`, async () => {
      await using other = await bystander();
      const stream = new Wire();
      upgrade(other.server, stream);
      await settled();
      const ws = other.last!;
      stream.write = () => {
        if (way === "throws") throw value;
        return stream.emit("error", value);
      };
      message(stream);
      const { endedBy, cause } = await ws.closed;
      assertEquals(endedBy, "transport");
      assertMatch(cause!.message, said);
      await settled();
      assertEquals(other.reported, way === "throws" ? [cause] : []);
      await other.assertAlone();
    });
  }
}

test("terminate() ends a connection whose stream throws in destroy, and reports that", async () => {
  await using other = await bystander();
  const stream = new Wire();
  upgrade(other.server, stream);
  await settled();
  const broken = breakMember(stream, "destroy");
  other.last!.terminate();
  const { code, endedBy } = await other.last!.closed;
  assertEquals([code, endedBy], [1006, "local"]);
  await settled();
  assertEquals(other.reported, [broken]);
  await other.assertAlone();
});

test("a connection ends with what a stream throws when it is given what waited", async () => {
  await using other = await bystander();
  const stream = new Wire();
  upgrade(other.server, stream);
  await settled();
  const pending: (() => void)[] = [];
  stream._write = (_chunk, _encoding, done) => void pending.push(done);
  message(stream);
  await settled();
  message(stream);
  await settled();
  const broken = breakMember(stream, "_write");
  // The stream's own code says that the first has left.
  assertEquals(pending.length, 1);
  pending[0]!();
  const { code, endedBy, cause } = await other.last!.closed;
  assertEquals([code, endedBy, cause], [1006, "transport", broken]);
  await settled();
  assertEquals(other.reported, [broken]);
  await other.assertAlone();
});

test("a connection ends though its stream emits no 'close'", async () => {
  await using other = await bystander();
  const stream = new Wire({ emitClose: false, autoDestroy: false });
  upgrade(other.server, stream);
  await settled();
  const broken = new Error("The sink fails");
  stream._write = (_chunk, _encoding, done: (error?: Error) => void) => done(broken);
  message(stream);
  const { code, endedBy, cause } = await other.last!.closed;
  assertEquals([code, endedBy, cause], [1006, "transport", broken]);
  // The stream reports this itself, by 'error'.
  assertEquals(other.reported, []);
  await other.assertAlone();
});

test("a stream that takes a large chunk later says so without a 'drain' of its own", async () => {
  await using other = await bystander();
  const stream = new Wire({ writableHighWaterMark: 1_000_000 });
  upgrade(other.server, stream);
  await settled();
  const taken = withResolvers<() => void>();
  stream._write = (_chunk, _encoding, done) => taken.resolve(done);
  const sent = other.last!.send(new Uint8Array(200_000));
  const done = await taken.promise;
  assert(await isPending(sent));
  done();
  await sent;
  stream.destroy();
  await settled();
  await other.assertAlone();
});

test("a socket with a method or a getter of its own that throws ends only its connection", async () => {
  for (const member of ["write", "pause", "destroy", "setTimeout", "remoteAddress"]) {
    await using other = await bystander();
    const brokens: Error[] = [];
    const line = await overTcp(other.server, (socket) => {
      brokens.push(breakMember(socket, member));
      return socket;
    });
    await settled();
    if (member === "destroy") other.last!.terminate();
    while (other.connections.size > 1 || other.reported.length === 0) await settled();
    assertEquals(other.reported, brokens, member);
    await other.assertAlone();
    line.end();
  }
});

test("attach() destroys a stream that throws before the application decides", async () => {
  const server = createServer((_request, response) => void response.end("a page"));
  const reported: unknown[] = [];
  const attached = attach(server, { error: (error) => reported.push(error) });
  const stream = new Wire();
  const broken = breakMember(stream, "on");
  upgrade(server, stream);
  assertEquals([reported, stream.destroyed], [[broken], true]);
  await attached.close({ timeout: 10_000 });
});
