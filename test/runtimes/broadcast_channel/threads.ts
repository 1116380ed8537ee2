// Two threads, joined by BroadcastChannel: a worker sends back what it gets. The process ends by
// itself once both drivers are closed.

import { isMainThread, Worker } from "node:worker_threads";
import { broadcastChannelBackplane } from "@sansocket/ws/broadcast-channel";

const COUNT = 10_000;
const backplane = broadcastChannelBackplane("threads");

function number(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function start(message: (channel: string, envelope: Uint8Array) => void): void {
  backplane.start({ message, up() {}, down() {} });
}

if (isMainThread) {
  let next = 0;
  start((channel, envelope) => {
    if (channel === "ready") {
      console.log("the worker has joined");
      for (let i = 0; i < COUNT; i++) void backplane.publish("there", number(i));
      return;
    }
    const value = new DataView(envelope.buffer, envelope.byteOffset).getUint32(0);
    if (value !== next++) throw new Error(`Got ${value} after ${next - 2}`);
    if (next < COUNT) return;
    console.log(`all ${COUNT} came back in order`);
    void backplane.publish("end", new Uint8Array(0));
    void backplane.close();
  });
  await backplane.join(["back", "ready"]);
  new Worker(new URL(import.meta.url));
} else {
  start((channel, envelope) => {
    if (channel === "end") void backplane.close();
    else void backplane.publish("back", envelope);
  });
  await backplane.join(["there", "end"]);
  void backplane.publish("ready", new Uint8Array(0));
}
