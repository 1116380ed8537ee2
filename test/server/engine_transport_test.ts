// The frames of our end against an engine that only writes down what it is told.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { type NativeSocket, NativeTransport } from "../../src/server/engine_transport.ts";
import type { TransportSink } from "../../src/transport/transport.ts";
import { settled } from "../support/connections.ts";
import { test } from "../support/test.ts";

class Scene implements TransportSink {
  /** What the engine was told, and what our end was. */
  readonly log: string[] = [];
  readonly transport: NativeTransport;
  congested = false;
  waiting = 0;

  constructor({ ping = true, pong = true, maxWaiting = 1000, owned = true } = {}) {
    const { log } = this;
    const bufferedAmount = () => this.waiting;
    const socket: NativeSocket = {
      send: (data) => {
        log.push(`send ${typeof data === "string" ? `"${data}"` : encodeHex(data)}`);
        return !this.congested;
      },
      ...(ping ? { ping: (payload) => void log.push(`ping ${encodeHex(payload)}`) } : {}),
      ...(pong ? { pong: (payload) => void log.push(`pong ${encodeHex(payload)}`) } : {}),
      close: (code, reason) => void log.push(`close ${code} "${reason}"`),
      terminate: () => void log.push("terminate"),
      get bufferedAmount() {
        return bufferedAmount();
      },
    };
    this.transport = new NativeTransport(socket, undefined, maxWaiting);
    if (owned) this.transport.sink = this;
  }

  write(hex: string): boolean {
    return this.transport.write(decodeHex(hex.replaceAll(" ", "")));
  }

  data(chunk: Uint8Array): void {
    this.log.push(`data ${encodeHex(chunk)}`);
  }
  end(): void {
    this.log.push("end");
  }
  drain(): void {
    this.log.push("drain");
  }
  closed(error?: Error, rest: Uint8Array = new Uint8Array()): void {
    this.log.push(`closed ${error?.message} ${encodeHex(rest)}`.trimEnd());
  }

  take(): string[] {
    return this.log.splice(0);
  }
}

test("NativeTransport gives whole messages to the engine", () => {
  const scene = new Scene();
  scene.write("8105 48656c6c6f 8202 0102 8100 8200");
  assertEquals(scene.take(), ['send "Hello"', "send 0102", 'send ""', "send "]);
});

test("NativeTransport puts fragments together, with control frames between them", () => {
  const scene = new Scene();
  scene.write("0103 48656c 8901 70 8002 6c6f");
  assertEquals(scene.take(), ["ping 70", 'send "Hello"']);
});

test("NativeTransport takes a batch at every split", () => {
  const bytes = decodeHex("810548656c6c6f82020102890170880403e86279");
  for (let i = 0; i <= bytes.length; i++) {
    for (let j = i; j <= bytes.length; j++) {
      const scene = new Scene();
      for (const part of [bytes.slice(0, i), bytes.slice(i, j), bytes.slice(j)]) {
        scene.transport.write(part);
      }
      assertEquals(scene.take(), ['send "Hello"', "send 0102", "ping 70", 'close 1000 "by"']);
    }
  }
});

test("NativeTransport closes without a code", () => {
  const scene = new Scene();
  scene.write("8800");
  assertEquals(scene.take(), ['close undefined ""']);
});

test("NativeTransport sends a Pong where the engine can, at every split", () => {
  const bytes = decodeHex("8a00 010148 8a0170 800169".replaceAll(" ", ""));
  for (let i = 0; i <= bytes.length; i++) {
    for (const pong of [true, false]) {
      const scene = new Scene({ pong });
      for (const part of [bytes.slice(0, i), bytes.slice(i)]) scene.transport.write(part);
      const pongs = pong ? ["pong ", "pong 70"] : [];
      assertEquals(scene.take(), [...pongs, 'send "Hi"']);
    }
  }
});

test("NativeTransport answers a Ping itself where the engine has none", async () => {
  const scene = new Scene({ ping: false });
  scene.transport.resume();
  scene.write("8901 70");
  assertEquals(scene.take(), []);
  await settled();
  assertEquals(scene.take(), ["data 8a810000000070"]);
});

test("NativeTransport puts what the engine has into masked frames", () => {
  const scene = new Scene();
  scene.transport.resume();
  scene.transport.message("é");
  scene.transport.message(new Uint8Array([1]));
  scene.transport.pinged(new Uint8Array());
  scene.transport.ponged(new Uint8Array([2]));
  scene.transport.closed(1001, "x");
  assertEquals(scene.take(), [
    "data 818200000000c3a9",
    "data 82810000000001",
    "data 898000000000",
    "data 8a810000000002",
    "data 88830000000003e978",
    "closed undefined",
  ]);
});

test("NativeTransport keeps what comes while it is paused, and makes no call before resume() has returned", async () => {
  const scene = new Scene();
  scene.transport.message("a");
  await settled();
  assertEquals(scene.take(), []);
  scene.transport.resume();
  assertEquals(scene.take(), []);
  await settled();
  assertEquals(scene.take(), ["data 81810000000061"]);
});

test("NativeTransport tells the engine's end at once, with what has not been read", () => {
  const scene = new Scene();
  scene.transport.message("a");
  scene.transport.closed(1005, "");
  assertEquals(scene.take(), ["closed undefined 81810000000061" + "888000000000"]);
});

for (const code of [1006, 1015, 0]) {
  test(`NativeTransport takes ${code} for a connection without a Close frame`, () => {
    const scene = new Scene();
    scene.transport.resume();
    scene.transport.closed(code, "", new Error("lost"));
    scene.transport.closed(1000, "");
    scene.transport.message("late");
    assertEquals(scene.take(), ["closed lost"]);
  });
}

test("NativeTransport drops the connection when too much waits", async () => {
  const scene = new Scene({ maxWaiting: 20 });
  for (let i = 0; i < 3; i++) scene.transport.message(new Uint8Array(8));
  assertEquals(scene.take(), ["terminate"]);
  await settled();
  const [closed = ""] = scene.take();
  assertStringIncludes(closed, "closed More than 20 octets");
});

test("NativeTransport passes backpressure on", () => {
  const scene = new Scene();
  scene.waiting = 7;
  scene.congested = true;
  assertEquals([scene.write("8100"), scene.transport.bufferedAmount], [false, 7]);
  scene.transport.drained();
  assertEquals(scene.take(), ['send ""', "drain"]);
  scene.congested = false;
  assertEquals(scene.write("8100"), true);
});

test("NativeTransport destroys once, and drops what comes after", async () => {
  const scene = new Scene();
  scene.transport.message("unread");
  scene.transport.destroy();
  scene.transport.destroy();
  assertEquals(scene.write("8100"), true);
  scene.transport.drained();
  assertEquals([scene.take(), scene.transport.bufferedAmount], [["terminate"], 2]);
  await settled();
  assertEquals(scene.take(), ["closed undefined"]);
});

test("NativeTransport ends when the engine has", async () => {
  const scene = new Scene();
  scene.transport.resume();
  scene.transport.end();
  await settled();
  assertEquals(scene.take(), []);
  scene.transport.closed(1000, "");
  await settled();
  assertEquals(scene.take(), ["data 88820000000003e8", "closed undefined"]);
});

test("NativeTransport tells its end to an owner that comes later", async () => {
  const scene = new Scene({ owned: false });
  scene.transport.closed(1006, "");
  scene.transport.sink = scene;
  scene.transport.resume();
  await settled();
  assertEquals(scene.take(), ["closed undefined"]);
});
