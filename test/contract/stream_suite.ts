// What every transport does, whatever carries its bytes.

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { test } from "../support/test.ts";
import { isPattern, type Pair, pattern, type Peer, turns } from "./peer.ts";

/** More than the kernel's buffers of both ends hold for a reader that does not read. */
const large = 16 * 1024 * 1024;
const piece = 65_536;

/** Writes `length` bytes of the pattern in pieces; returns how many writes answered false. */
function writePattern(peer: Peer, length: number): number {
  const bytes = pattern(length);
  let refused = 0;
  for (let i = 0; i < length; i += piece) {
    if (!peer.write(bytes.subarray(i, i + piece))) refused++;
  }
  return refused;
}

/**
 * Registers the tests of one kind of transport.
 *
 * @param name The name of the transport.
 * @param connect Makes a fresh connection, both ends paused.
 * @param skip Why it cannot run here.
 */
export function streamSuite(
  name: string,
  connect: () => Promise<Pair>,
  skip: string | undefined,
): void {
  const check = (criterion: string, body: (pair: Pair) => Promise<void>) =>
    test(`${name} ${criterion}`, async () => {
      const pair = await connect();
      await body(pair);
      await pair.finish();
    }, { skip });

  check("carries bytes both ways in order", async ({ a, b }) => {
    a.resume();
    b.resume();
    a.write(decodeHex("810548656c"));
    a.write(decodeHex("6c6f"));
    b.write(decodeHex("8900"));
    await Promise.all([a.until(() => a.received === 2), b.until(() => b.received === 7)]);
    assertEquals(encodeHex(b.bytes), "810548656c6c6f");
    assertEquals(encodeHex(a.bytes), "8900");
  });

  check("gives a sink that does not borrow chunks that it may transfer", async ({ a, b }) => {
    const sizes = [1, 20, 3_000, 70_000, 5, 300_000, 1];
    const all = pattern(sizes.reduce((sum, size) => sum + size));
    const received: Uint8Array[] = [];
    Object.assign(b.sink, { borrows: false });
    b.onData = (chunk) => {
      received.push(chunk.slice());
      structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
    };
    a.resume();
    b.resume();
    let position = 0;
    for (const size of sizes) {
      a.write(all.slice(position, position += size));
      await b.until(() => b.received === position);
    }
    b.write(decodeHex("8900"));
    await a.until(() => a.received === 2);
    assertEquals(b.lent, 0);
    assertEquals(isPattern(Uint8Array.from(received.flatMap((chunk) => [...chunk]))), true);
  });

  check("says nothing before the first resume()", async ({ a, b }) => {
    a.resume();
    a.write(decodeHex("01"));
    await turns(b, a, 5);
    assertEquals(b.received, 0);
    b.resume();
    await b.until(() => b.received === 1);
    assertEquals(encodeHex(b.bytes), "01");
  });

  check("buffers what a paused peer does not read, and drains", async ({ a, b }) => {
    const refused = writePattern(a, large);
    assert(refused > 0);
    assert(a.bufferedAmount > 0);
    assertEquals(a.drains, 0);
    b.resume();
    await Promise.all([b.until(() => b.received === large), a.until(() => a.drains > 0)]);
    assertEquals(a.bufferedAmount, 0);
    assert(isPattern(b.bytes));
  });

  check("pause() and resume() inside data() lose and repeat nothing", async ({ a, b }) => {
    a.resume();
    b.onData = () => {
      b.pause();
      b.resume();
    };
    b.resume();
    writePattern(a, large);
    await b.until(() => b.received === large);
    assert(isPattern(b.bytes));
  });

  check("pause() inside data() stops reading until resume()", async ({ a, b }) => {
    a.resume();
    b.onData = () => b.pause();
    b.resume();
    writePattern(a, large);
    await b.until(() => b.received > 0);
    const first = b.received;
    await turns(b, a, 20);
    assertEquals(b.received, first);
    assert(a.bufferedAmount > 0);
    b.onData = undefined;
    b.resume();
    await b.until(() => b.received === large);
    assert(isPattern(b.bytes));
  });

  check("pause() and resume() around each chunk lose nothing", async ({ a, b }) => {
    b.onData = () => {
      b.pause();
      queueMicrotask(() => b.resume());
    };
    b.resume();
    writePattern(a, large);
    await b.until(() => b.received === large);
    assert(isPattern(b.bytes));
  });

  check("drain() follows only a write() that answered false", async ({ a, b }) => {
    a.resume();
    b.resume();
    assert(a.write(decodeHex("00")));
    assertEquals(a.bufferedAmount <= 1, true);
    await b.until(() => b.received === 1);
    await turns(b, a, 5);
    assertEquals(a.drains, 0);
    assertEquals(a.bufferedAmount, 0);
  });

  check("hands over chunks that no other read or write touches", async ({ a, b }) => {
    const copies: Uint8Array[] = [];
    // The owner scribbles over each chunk, as unmasking in place does.
    b.onData = (chunk) => {
      copies.push(chunk.slice());
      chunk.fill(0xff);
    };
    b.resume();
    const total = 1024 * 1024;
    const bytes = pattern(total);
    for (let i = 0, length = 1; i < total; i += length, length = 1 + length * 7 % 9001) {
      a.write(bytes.slice(i, i + length));
      const expected = Math.min(i + length, total);
      await b.until(() => b.received === expected);
    }
    const { chunks } = b;
    assert(chunks.every((chunk) => chunk.every((byte) => byte === 0xff)));
    chunks.forEach((chunk, i) => chunk.set(copies[i] ?? []));
    assert(isPattern(b.bytes));
  });

  check("reads nothing but what fits into the room of its sink", async ({ a, b }) => {
    b.onData = () => {
      // Now and then there is room for as much as one read, for less, or none.
      if ((b.room?.length ?? 0) > 0) return;
      b.room = b.chunks.length % 3 === 0
        ? undefined
        : new Uint8Array(1 + 50_000 * (b.chunks.length % 2));
    };
    b.resume();
    writePattern(a, large);
    await b.until(() => b.received === large);
    assert(isPattern(b.bytes));
  });

  check("end() sends what was written first; the other way stays open", async ({ a, b }) => {
    a.resume();
    writePattern(a, large);
    a.end();
    b.resume();
    await b.until(() => b.ended);
    assertEquals(b.received, large);
    assert(isPattern(b.bytes));
    writePattern(b, large);
    b.end();
    await a.until(() => a.ended);
    assert(isPattern(a.bytes));
    assertEquals(a.received, large);
    await Promise.all([a.until(() => a.closed), b.until(() => b.closed)]);
    assertEquals([a.error, b.error], [undefined, undefined]);
  });

  check("end() of the peer waits for resume()", async ({ a, b }) => {
    a.resume();
    a.write(decodeHex("8800"));
    a.end();
    await turns(b, a, 10);
    assertEquals([b.received, b.ended], [0, false]);
    b.resume();
    await b.until(() => b.ended);
    assertEquals(encodeHex(b.bytes), "8800");
  });

  check("both ends ended while one is paused lose nothing", async ({ a, b }) => {
    a.resume();
    const length = 100_000;
    writePattern(a, length);
    a.end();
    b.write(decodeHex("8800"));
    b.end();
    await a.until(() => a.ended);
    b.resume();
    await b.until(() => b.closed);
    assertEquals([b.received, b.ended, b.error], [length, true, undefined]);
    assert(isPattern(b.bytes));
    await a.until(() => a.closed);
    assertEquals([a.received, a.error], [2, undefined]);
  });

  for (const then of ["resume()", "destroy()"]) {
    check(`both ends ended while one is paused within a chunk: ${then}`, async ({ a, b }) => {
      a.resume();
      b.onData = () => b.pause();
      b.resume();
      const length = 60_000;
      writePattern(a, length);
      a.end();
      b.end();
      await a.until(() => a.closed);
      await b.until(() => b.received > 0);
      b.onData = undefined;
      if (then === "destroy()") return b.destroy();
      b.resume();
      await b.until(() => b.closed);
      assertEquals([b.received, b.ended, b.error], [length, true, undefined]);
      assert(isPattern(b.bytes));
    });
  }

  check(
    "write() after end() and destroy() drops the bytes, and destroy() counts them",
    async ({ a, b }) => {
      a.resume();
      b.resume();
      a.write(decodeHex("aa"));
      a.end();
      a.end();
      assertEquals(a.write(decodeHex("bb")), true);
      await b.until(() => b.ended);
      assertEquals(encodeHex(b.bytes), "aa");
      b.destroy();
      b.destroy();
      assertEquals(b.write(decodeHex("cc")), true);
      await Promise.all([a.until(() => a.closed), b.until(() => b.closed)]);
      assertEquals([a.received, a.bufferedAmount, b.bufferedAmount], [0, 0, 1]);
    },
  );

  check("destroy() drops what was not sent, and counts it; the peer is told", async ({ a, b }) => {
    a.resume();
    writePattern(a, large);
    const waiting = a.bufferedAmount;
    a.destroy();
    await a.until(() => a.closed);
    assertEquals([a.error, a.bufferedAmount], [undefined, waiting]);
    b.resume();
    await b.until(() => b.ended || b.closed);
    assertLessOrEqual(b.received, large - 1);
    b.end();
    await b.until(() => b.closed);
  });

  check("destroy() inside data() is followed by closed() alone", async ({ a, b }) => {
    a.resume();
    b.onData = () => b.destroy();
    b.resume();
    writePattern(a, 1024 * 1024);
    await b.until(() => b.closed);
    assertEquals(b.chunks.length, 1);
    assertEquals(b.ended, false);
    await a.until(() => a.ended || a.closed);
  });

  check("a new sink gets what comes next", async ({ a, b }) => {
    b.resume();
    a.write(decodeHex("01"));
    await b.until(() => b.received === 1);
    const next = { data: "" };
    const arrived = new Promise<void>((resolve) => {
      b.transport.sink = {
        ...b.sink,
        data: (chunk) => {
          next.data = encodeHex(chunk);
          resolve();
        },
      };
    });
    a.write(decodeHex("02"));
    await arrived;
    assertEquals(next.data, "02");
    assertEquals(b.received, 1);
  });
}
