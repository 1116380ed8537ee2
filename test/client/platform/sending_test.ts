// Platform tests of messages: what is sent comes back from an echo as it was, and is counted meanwhile.

import type { WebSocketInstance } from "@sansocket/ws";
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { next, opened, platformTests, served, throwsDom } from "./suite.ts";

/** A message comes back; `size` octets are counted in the meantime. */
const echoes = (data: unknown, size: number, expected: unknown = data) =>
  opened(async (ws) => {
    assertEquals(Reflect.apply(ws.send, ws, [data]), undefined);
    assertEquals(ws.bufferedAmount, size);
    assertEquals((await next(ws, "message")).data, expected as string);
    assertEquals(ws.bufferedAmount, 0);
    ws.close();
    assertEquals((await next(ws, "close")).wasClean, true);
  });

/** Bytes come back as `binaryType` says. */
const echoesBytes = (data: ArrayBuffer | ArrayBufferView | Blob, type: "blob" | "arraybuffer") =>
  opened(async (ws) => {
    ws.binaryType = type;
    ws.send(data);
    const size = data instanceof Blob ? data.size : data.byteLength;
    assertEquals(ws.bufferedAmount, size);
    const { data: received } = await next(ws, "message");
    assert(type === "blob" ? received instanceof Blob : received instanceof ArrayBuffer);
    assertEquals(await octets(received as Blob | ArrayBuffer), await octets(data));
    ws.close();
    assertEquals((await next(ws, "close")).wasClean, true);
  });

async function octets(data: Blob | ArrayBuffer | ArrayBufferView): Promise<number[]> {
  if (data instanceof Blob) return [...new Uint8Array(await data.arrayBuffer())];
  if (data instanceof ArrayBuffer) return [...new Uint8Array(data)];
  return [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

/** Octets from 0 up, to make views of. */
const memory = (size: number) => Uint8Array.from({ length: size }, (_, i) => i).buffer;

/** `send()` throws while the connection opens. */
const refusesWhileConnecting = (...texts: string[]) =>
  served(({ WebSocket, url }) => {
    for (const text of texts) {
      const ws = new WebSocket(url);
      throwsDom("InvalidStateError", () => ws.send(text));
      ws.close();
    }
  });

/** A text goes out and comes back whatever its length. */
const echoesLengths = (...lengths: number[]) =>
  opened(async (ws) => {
    for (const length of lengths) {
      ws.send("a".repeat(length));
      assertEquals((await next(ws, "message")).data, "a".repeat(length));
    }
  });

const { Float16Array: Half } = globalThis as {
  Float16Array?: new (buffer: ArrayBuffer) => ArrayBufferView;
};

/** What is sent once the connection closes is only counted. */
async function sendsInVain(ws: WebSocketInstance): Promise<void> {
  ws.close();
  assertEquals(Reflect.apply(ws.send, ws, ["test"]), undefined);
  assertEquals(ws.bufferedAmount, 4);
  ws.onmessage = ws.onerror = ({ type }) => assertEquals(type, "none");
  await next(ws, "close");
  assertEquals(ws.bufferedAmount, 4);
}

platformTests("sending", {
  "Send-0byte-data.any.js": echoes("", 0),
  "Send-65K-data.any.js": echoes("c".repeat(65_000), 65_000),
  "Send-before-open.any.js": refusesWhileConnecting("Message to send"),
  "Send-binary-65K-arraybuffer.any.js": echoesBytes(memory(65_000), "arraybuffer"),
  "Send-binary-arraybuffer.any.js": echoesBytes(memory(15), "arraybuffer"),
  "Send-binary-arraybufferview-float16.any.js": () =>
    echoesBytes(new Half!(memory(4)), "arraybuffer")(),
  "Send-binary-arraybufferview-float32.any.js": echoesBytes(
    new Float32Array(memory(8)),
    "arraybuffer",
  ),
  "Send-binary-arraybufferview-float64.any.js": echoesBytes(
    new Float64Array(memory(8)),
    "arraybuffer",
  ),
  "Send-binary-arraybufferview-int16-offset.any.js": echoesBytes(
    new Int16Array(memory(8), 2),
    "arraybuffer",
  ),
  "Send-binary-arraybufferview-int32.any.js": echoesBytes(
    new Int32Array(memory(8)),
    "arraybuffer",
  ),
  "Send-binary-arraybufferview-int8.any.js": echoesBytes(new Int8Array(memory(8)), "arraybuffer"),
  "Send-binary-arraybufferview-uint16-offset-length.any.js": echoesBytes(
    new Uint16Array(memory(8), 2, 2),
    "arraybuffer",
  ),
  "Send-binary-arraybufferview-uint32-offset.any.js": echoesBytes(
    new Uint32Array(memory(12), 4),
    "arraybuffer",
  ),
  "Send-binary-arraybufferview-uint8-offset-length.any.js": echoesBytes(
    new Uint8Array(memory(8), 2, 4),
    "arraybuffer",
  ),
  "Send-binary-arraybufferview-uint8-offset.any.js": echoesBytes(
    new Uint8Array(memory(8), 2),
    "arraybuffer",
  ),
  "Send-binary-blob.any.js": echoesBytes(new Blob([memory(65_000)]), "blob"),
  "Send-data.any.js": echoes("Message to send", 15),
  "Send-data.worker.js": echoes("Message to send", 15),
  "Send-null.any.js": echoes(null, 4, "null"),
  "Send-paired-surrogates.any.js": echoes("\ud801\udc07", 4),
  "Send-unicode-data.any.js": echoes("\u00a5".repeat(6), 12),
  "Send-unpaired-surrogates.any.js": echoes("\ud807", 3, "\ufffd"),
  "binary/001.html": echoesBytes(memory(10), "blob"),
  "binary/002.html": echoesBytes(memory(100_000), "blob"),
  "binary/004.html": echoesBytes(memory(100_000), "arraybuffer"),
  "binary/005.html": echoesBytes(memory(10), "arraybuffer"),
  "extended-payload-length.html": echoesLengths(125, 126, 65_535, 65_536),
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-arraybuffer.html": echoesBytes(
    memory(10),
    "arraybuffer",
  ),
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-blob.html": echoesBytes(
    new Blob([memory(10)]),
    "blob",
  ),
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-getting.html": opened(async (ws) => {
    const texts = ["x", "\u00e5", "\u5336", "\ud801\udc7e"];
    let waiting = 0;
    for (const [i, text] of texts.entries()) {
      ws.send(text);
      assertEquals(ws.bufferedAmount, waiting += i + 1);
    }
    for (const [i, text] of texts.entries()) {
      assertEquals((await next(ws, "message")).data, text);
      assert(ws.bufferedAmount <= (waiting -= i + 1));
    }
  }),
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-large.html": echoes(
    "x".repeat(65_000),
    65_000,
  ),
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-unicode.html": echoes("\u00a5\u00a5", 4),
  "interfaces/WebSocket/send/001.html": opened((ws) => {
    assertThrows(() => Reflect.apply(ws.send, ws, []), TypeError);
  }),
  "interfaces/WebSocket/send/002.html": served(({ WebSocket, url }) => {
    const ws = new WebSocket(url);
    ws.close();
    Object.assign(ws, { send: 5 });
    assertEquals<unknown>(ws.send, 5);
  }),
  "interfaces/WebSocket/send/003.html": refusesWhileConnecting("a"),
  "interfaces/WebSocket/send/004.html": refusesWhileConnecting(
    "a\udc00x",
    "a\ud800x",
    "a\udc00\ud800x",
  ),
  "interfaces/WebSocket/send/005.html": echoes("test", 4),
  "interfaces/WebSocket/send/006.html": echoes(
    "a\udc00xb\ud800xc\udc00\ud800x",
    18,
    "a\ufffdxb\ufffdxc\ufffd\ufffdx",
  ),
  "interfaces/WebSocket/send/007.html": opened(sendsInVain),
  "interfaces/WebSocket/send/008.html": opened(async (ws) => {
    ws.close();
    await next(ws, "close");
    await new Promise<void>((resolve) => resolve(Reflect.apply(ws.send, ws, ["test"])));
    assertEquals([ws.readyState, ws.bufferedAmount], [3, 4]);
  }),
  "interfaces/WebSocket/send/009.html": echoes("", 0),
  "interfaces/WebSocket/send/011.html": echoes("\u00e5 a\u030a \ud801\udc7e", 11),
  "interfaces/WebSocket/send/012.html": echoes(null, 4, "null"),
  "send-many-64K-messages-with-backpressure.any.js": opened(
    async (ws) => {
      const message = new Uint8Array(65_536);
      for (let i = 0; i < 64; i++) ws.send(message);
      assertGreater(ws.bufferedAmount, 0);
      assertEquals((await next(ws, "message")).data, "64 messages of 65536 octets");
    },
    async (peer) => {
      const sizes = new Set<number>();
      for (let i = 0; i < 64; i++) sizes.add((await peer.receive() as Uint8Array).length);
      await peer.send(`64 messages of ${[...sizes].join()} octets`);
    },
  ),
}, {
  "Send-binary-arraybufferview-float16.any.js": Half === undefined && "there is no Float16Array",
});
