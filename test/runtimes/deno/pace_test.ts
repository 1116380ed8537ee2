// The pace is counted in turns of the event loop, so no verdict depends on time.

import { assert, assertEquals } from "@std/assert";
import { connect, serve } from "@sansocket/ws";
import { setImmediate } from "node:timers";
import { Pace, pace as shared } from "../../../runtimes/deno/pace.ts";
import { DenoTransport } from "../../../runtimes/deno/transport.ts";
import { test } from "../../support/test.ts";

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A timer is due. */
function tick(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 0));
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await tick();
}

function paceOf(connections: number): Pace {
  const pace = new Pace();
  for (let i = 0; i < connections; i++) pace.opened();
  return pace;
}

/** So many have brought something. */
function bring(pace: Pace, count: number): void {
  for (let i = 0; i < count; i++) pace.hasRead();
}

/** A pace that holds reads back. */
async function heldBack(): Promise<Pace> {
  const pace = paceOf(1_501);
  bring(pace, 128);
  await until(() => !pace.mayRead());
  return pace;
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

test("128 writes are begun at once, and the others in later turns, in order", async () => {
  const pace = new Pace();
  const begun: number[] = [];
  for (const i of numbers(300)) {
    if (pace.mayWrite()) begun.push(i);
    else pace.writeLater(() => begun.push(i));
  }
  assertEquals(begun.length, 128);
  const lengths = new Set<number>();
  while (begun.length < 300) {
    await turn();
    lengths.add(begun.length);
  }
  assertEquals([...lengths].filter((length) => length > 128), [256, 300]);
  assertEquals(begun, numbers(300));
  // 44 of the last turn's 128 are used.
  assertEquals(numbers(100).filter(() => pace.mayWrite()).length, 84);
});

test("reads are not held back among 1,500 connections, nor among more when few bring something", async () => {
  for (const [connections, count] of [[1_500, 1_000], [1_501, 3]] as const) {
    const pace = paceOf(connections);
    for (let i = 0; i < 20; i++) {
      bring(pace, count);
      await tick();
      assert(pace.mayRead());
    }
  }
});

test("reads are held back while others bring something, and then begun 64 in a turn, in order", async () => {
  const pace = await heldBack();
  const begun: number[] = [];
  for (const i of numbers(150)) pace.readLater(() => begun.push(i));
  for (let i = 0; i < 100; i++) {
    bring(pace, 64);
    await turn();
  }
  assertEquals(begun, []);
  const lengths = new Set<number>();
  while (!pace.mayRead()) {
    await turn();
    lengths.add(begun.length);
  }
  assertEquals([...lengths].filter((length) => length > 0), [64, 128, 150]);
  assertEquals(begun, numbers(150));
});

test("reads that find bytes when they are released do not hold the others back", async () => {
  const pace = await heldBack();
  let begun = 0;
  const read = (): void => {
    begun++;
    pace.hasRead();
    if (begun < 1_000) pace.readLater(read);
  };
  for (let i = 0; i < 100; i++) pace.readLater(read);
  await until(() => pace.mayRead());
  assertEquals(begun, 1_099);
});

test("reads are held back again when others bring something while they are released", async () => {
  const pace = await heldBack();
  let begun = 0;
  for (let i = 0; i < 200; i++) pace.readLater(() => begun++);
  await until(() => begun > 0);
  const before = begun;
  for (let i = 0; i < 100; i++) {
    bring(pace, 128);
    await turn();
  }
  assertEquals(begun, before);
  await until(() => pace.mayRead());
  assertEquals(begun, 200);
});

test("connections that close let reads go free", async () => {
  const pace = await heldBack();
  let begun = 0;
  for (let i = 0; i < 100; i++) pace.readLater(() => begun++);
  pace.closed();
  while (!pace.mayRead()) {
    bring(pace, 1_000);
    await turn();
  }
  assertEquals(begun, 100);
});

test("what is sent to 200 connections in one turn comes whole and in order", async () => {
  await using server = await serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (_, { upgrade }) => upgrade({}),
  });
  const all = await Promise.all(numbers(200).map(() => connect(`ws://127.0.0.1:${server.port}`)));
  const messages = numbers(20).map((i) => `message ${i} ${"x".repeat(i * 50)}`);
  for (const message of messages) {
    for (const ws of server.connections) ws.send(message);
    await tick();
  }
  for (const ws of all) {
    for (const message of messages) assertEquals(await ws.receive(), message);
    ws.terminate();
  }
});

/** A transport that reads an octet in each turn, 40 times, and what came of it. */
class Reader {
  readonly transport: DenoTransport;
  octets = 0;
  ended = false;
  #reads = 0;

  constructor() {
    const address = { hostname: "127.0.0.1", port: 1 };
    this.transport = new DenoTransport({
      localAddr: address,
      remoteAddr: address,
      read: async () => {
        await turn();
        return this.#reads++ < 40 ? 1 : null;
      },
      write: ({ length }) => Promise.resolve(length),
      closeWrite: () => Promise.resolve(),
      close() {},
      unref() {},
    });
    const data = ({ length }: Uint8Array): boolean => {
      this.octets += length;
      return true;
    };
    const end = (): boolean => this.ended = true;
    this.transport.sink = { data, end, drain() {}, closed() {} };
  }
}

test("2,000 connections read to their end, but not while they are paused or when they are closed", async () => {
  const readers = numbers(2_000).map(() => new Reader());
  for (const { transport } of readers) transport.resume();
  await until(() => !shared.mayRead());
  const [paused, closed] = [readers.slice(0, 100), readers.slice(100, 200)];
  for (const { transport } of paused) transport.pause();
  for (const { transport } of closed) transport.destroy();
  const before = readers.map(({ octets }) => octets);
  await until(() => readers.slice(200).every(({ ended }) => ended));
  assertEquals(readers.slice(0, 200).map(({ octets }) => octets), before.slice(0, 200));
  for (const { transport } of paused) transport.resume();
  await until(() => paused.every(({ ended }) => ended));
  assertEquals(
    new Set([...paused, ...readers.slice(200)].map(({ octets }) => octets)),
    new Set([40]),
  );
  assert(closed.every(({ octets, ended }) => octets < 40 && !ended));
  for (const { transport } of readers) transport.destroy();
});
