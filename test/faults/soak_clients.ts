// Clients that do what they should not, each over a few seconds at most, and say what they did not expect.

import { assert, assertEquals } from "@std/assert";
import { connect, type Message } from "@sansocket/ws";
import { RawPeer } from "../support/raw.ts";

/** Random numbers that a seed repeats (mulberry32). */
export class Random {
  #state: number;

  /** The same seed, the same numbers. */
  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** An integer from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** So many octets. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** One of them. */
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

/** One kind of client; it resolves when it is done. */
export type Client = (port: number, random: Random) => Promise<void>;

const key = new Uint8Array(4);

/** A masked frame; the masking key is zero. */
function frame(first: number, payload: Uint8Array, declared = payload.length): Uint8Array {
  const extended = declared < 126
    ? [declared]
    : declared < 65_536
    ? [126, declared >> 8, declared & 255]
    : [
      127,
      0,
      0,
      0,
      0,
      declared >>> 24,
      (declared >> 16) & 255,
      (declared >> 8) & 255,
      declared & 255,
    ];
  const [length = 0, ...rest] = extended;
  return Uint8Array.from([first, 0x80 | length, ...rest, ...key, ...payload]);
}

/** Opens a connection by hand. */
async function open(port: number, path: string): Promise<RawPeer> {
  const peer = await RawPeer.dial(port);
  const { status } = await peer.upgrade(`GET ${path} HTTP/1.1`);
  assertEquals(status, 101);
  return peer;
}

/** The code of the first Close frame, whatever comes before it; 1006 when the connection ends without one. */
async function closeCode(peer: RawPeer): Promise<number> {
  for (;;) {
    try {
      const { first, payload } = await peer.takeFrame();
      if (first === 0x88) return payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
    } catch {
      return 1006;
    }
  }
}

async function echo(port: number, random: Random, path: string, compression: boolean) {
  const ws = await connect(`ws://127.0.0.1:${port}${path}`, { compression });
  for (let i = random.below(30); i >= 0; i--) {
    const size = random.pick([0, 1, 20, 125, 126, 1000, 65_535, 65_536, 200_000]);
    const message: Message = random.next() < 0.5
      ? "é€x".repeat(size / 6)
      : random.bytes(Math.min(size, 4096));
    await ws.send(message);
    assertEquals(await ws.receive(), message);
  }
  assertEquals((await ws.close()).code, 1000);
}

/** Sends garbage until the server hangs up; what it answers is judged elsewhere. */
async function garbage(peer: RawPeer, random: Random): Promise<void> {
  peer.send(random.bytes(1 + random.below(2000)));
  peer.end();
  await peer.takeRest();
}

/** Every kind of client, by name. */
export const clients: Readonly<Record<string, Client>> = {
  echo: (port, random) => echo(port, random, "/echo", false),
  "compressed echo": (port, random) => echo(port, random, "/echo", true),
  "pulled echo": (port, random) => echo(port, random, "/pull", false),

  "pipelined echo": async (port, random) => {
    await using peer = await open(port, "/echo");
    const count = 1 + random.below(200);
    const message = frame(0x81, new Uint8Array(20).fill(0x61));
    for (let i = 0; i < count; i++) peer.send(message);
    await peer.take(count * 22);
    peer.send(frame(0x88, Uint8Array.of(3, 232)));
    assertEquals(await closeCode(peer), 1000);
    peer.end();
    await peer.takeRest();
  },

  stream: async (port, random) => {
    const ws = await connect(`ws://127.0.0.1:${port}/stream`, { compression: false });
    const count = 1 + random.below(16);
    await ws.send(Array.from({ length: count }, () => new Uint8Array(65_536)));
    assertEquals(await ws.receive(), String(count * 65_536));
    await ws.close();
  },

  reset: async (port, random) => {
    await using peer = await open(port, random.pick(["/echo", "/pull", "/stream"]));
    peer.send(frame(0x82, random.bytes(random.below(300)), random.pick([0, 300, 70_000])));
    peer.reset();
    await peer.closed;
  },

  "half-close": async (port) => {
    await using peer = await open(port, "/echo");
    peer.send(frame(0x81, Uint8Array.of(0x61)));
    await peer.take(3);
    peer.end();
    await peer.takeRest();
  },

  "slow reader": async (port, random) => {
    await using peer = await open(port, "/flood");
    peer.pause();
    for (let i = 0; i < 4; i++) peer.send(frame(0x81, Uint8Array.of(0x61)));
    // Long enough for what is unsent to pass the bound, or for the guard to lose patience.
    await new Promise((resolve) => setTimeout(resolve, random.below(3_000)));
    if (random.next() < 0.5) return peer.reset();
    peer.resume();
    // The peer may be cut at any point by now.
    peer.end();
    await peer.takeRest();
  },

  "garbage for HTTP": async (port, random) => {
    await using peer = await RawPeer.dial(port);
    await garbage(peer, random);
  },

  "garbage for frames": async (port, random) => {
    await using peer = await open(port, random.pick(["/echo", "/pull", "/stream"]));
    await garbage(peer, random);
  },

  "slow-loris in a head": async (port) => {
    await using peer = await RawPeer.dial(port);
    peer.send("GET / HTTP/1.1\r\nHo");
    assertEquals((await peer.takeResponse()).status, 408);
  },

  "slow-loris in a message": async (port, random) => {
    await using peer = await open(port, random.pick(["/echo", "/stream"]));
    // Within the header, the payload, and between two fragments.
    peer.sendHex(random.pick(["82fe", "82fe03e8 00000000 61", "0181 00000000 61"]));
    assertEquals(await closeCode(peer), 1008);
  },

  oversize: async (port) => {
    await using peer = await open(port, "/echo");
    peer.send(frame(0x82, new Uint8Array(10), 1_048_577));
    assertEquals(await closeCode(peer), 1009);
  },

  "unmasked frame": async (port) => {
    await using peer = await open(port, "/pull");
    peer.sendHex("8100");
    assertEquals(await closeCode(peer), 1002);
  },

  "text that is no UTF-8": async (port) => {
    await using peer = await open(port, "/echo");
    peer.send(frame(0x81, Uint8Array.of(0xff)));
    assertEquals(await closeCode(peer), 1007);
  },

  "flood of Pings": async (port) => {
    await using peer = await open(port, "/echo");
    const ping = frame(0x89, new Uint8Array(0));
    const many = new Uint8Array(ping.length * 1_100);
    for (let i = 0; i < 1_100; i++) many.set(ping, i * ping.length);
    peer.send(many);
    // A slow machine may take more than a second for them, and then all is well.
    peer.send(frame(0x88, Uint8Array.of(3, 232)));
    assert([1000, 1008].includes(await closeCode(peer)));
  },

  "handler that fails": async (port, random) => {
    await using peer = await open(port, random.pick(["/throw", "/reject"]));
    peer.send(frame(0x81, Uint8Array.of(0x61)));
    assertEquals(await closeCode(peer), 1011);
  },

  "handler that never settles": async (port, random) => {
    await using peer = await open(port, random.pick(["/never", "/never-hook"]));
    peer.send(frame(0x81, Uint8Array.of(0x61)));
    await new Promise((resolve) => setTimeout(resolve, random.below(100)));
    if (random.next() < 0.5) peer.reset();
  },

  "close that is not answered": async (port) => {
    await using peer = await open(port, "/bye");
    assertEquals(await closeCode(peer), 4000);
    await peer.takeRest();
  },

  "silent peer": async (port) => {
    await using peer = await open(port, "/echo");
    // It is pinged, does not answer, and is dropped.
    await peer.takeRest();
  },

  page: async (port, random) => {
    await using peer = await RawPeer.dial(port);
    for (let i = random.below(10); i >= 0; i--) {
      peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      assertEquals((await peer.takeResponse()).body, "a page");
    }
  },

  "page that breaks off": async (port) => {
    await using peer = await RawPeer.dial(port);
    peer.send("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n");
    const rest = new TextDecoder("latin1").decode(await peer.takeRest());
    assertEquals(rest.endsWith("0\r\n\r\n"), false);
  },
};
