// A process of its own, in which the bytes that stand for nothing have been transferred, as whoever is shown them may do:
// all else goes on. It prints "done".

import process from "node:process";
import { connect, PreparedMessage, serve } from "../../mod.ts";
import { EMPTY } from "../../src/util/bytes.ts";

structuredClone(EMPTY.buffer, { transfer: [EMPTY.buffer] });

/** Sends and receives what is empty, or begins with nothing. */
async function exchange(compression: boolean): Promise<void> {
  const server = await serve({
    port: 0,
    compression,
    fetch: async (request, { upgrade }) => {
      if (request.headers.get("upgrade") === null) return new Response(await request.text());
      return upgrade({ message: (ws, data) => ws.send(data) });
    },
  });
  const ws = await connect(server.url, { compression });
  const messages = [
    "",
    new Uint8Array(),
    new PreparedMessage(""),
    new PreparedMessage(new Uint8Array()),
    new DataView(new ArrayBuffer(0)),
    new Blob([]),
    ["", ""],
    [new Uint8Array(), new Uint8Array(200_000)],
    ["a", "b"],
    "x".repeat(1_000),
    new Uint8Array(1_000),
  ];
  for (const message of messages) {
    await ws.send(message);
    await ws.receive();
    await ws.ping(new Uint8Array());
  }
  for await (const _ of await sendAndStream()) { /* to its end */ }
  await ws.close();
  const [second, third] = [await connect(server.url), await connect(server.url)];
  await second.close(null);
  third.terminate();
  const url = server.url.replace("ws", "http");
  for (const body of ["", "a body"]) {
    const response = await fetch(url, { method: "POST", body });
    if (await response.text() !== body) throw new Error("Expected the body back");
  }
  await server.close();

  async function sendAndStream(): Promise<AsyncIterable<unknown>> {
    await ws.send(["a", new TextDecoder().decode(new Uint8Array(200_000))]);
    return await ws.receiveStream();
  }
}

await exchange(false);
await exchange(true);
console.log("done");
process.exit();
