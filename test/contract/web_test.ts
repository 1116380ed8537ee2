import { webTransport } from "../../runtimes/web/transport.ts";
import { type Pair, Peer } from "./peer.ts";
import { streamSuite } from "./stream_suite.ts";

function connect(): Promise<Pair> {
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  const a = new Peer(webTransport({ readable: back.readable, writable: there.writable }));
  const b = new Peer(webTransport({ readable: there.readable, writable: back.writable }));
  const finish = async () => {
    await Promise.all([a.finish(), b.finish()]);
  };
  return Promise.resolve({ a, b, finish });
}

streamSuite("webTransport", connect, undefined);
