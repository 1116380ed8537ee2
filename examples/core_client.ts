// A client made of `node:net` and the core alone: the handshake, messages, and the closing
// handshake. It sends its arguments, prints as many answers, and closes. docs/guides/core.md
// explains it.
//   node --import tsx examples/core_client.ts ws://127.0.0.1:9001/ hello
//   deno run -A examples/core_client.ts ws://127.0.0.1:9001/ hello
//   bun examples/core_client.ts ws://127.0.0.1:9001/ hello

import { connect } from "node:net";
import process from "node:process";
import {
  createRequest,
  createResponseParser,
  HandshakeError,
  judgeResponse,
  parseUrl,
  Protocol,
} from "@sansocket/ws/core";

const [address = "ws://127.0.0.1:9001/", ...messages] = process.argv.slice(2);
const url = parseUrl(address);
if (url.protocol !== "ws:") throw new TypeError(`Expected ws:, got ${url.protocol}`);

const host = url.hostname.replace(/^\[(.*)\]$/, "$1"); // an IPv6 address without its brackets
const socket = connect({ host, port: Number(url.port || 80), noDelay: true });
// The core keeps no time. This bounds connecting, both handshakes, and every wait for an answer.
socket.setTimeout(10_000, () => socket.destroy(new Error("Nothing came for 10 s")));

const { key, bytes } = createRequest(url, { protocols: [], headers: [] });
socket.write(bytes);

const response = createResponseParser();
const protocol = new Protocol("client", { maxMessageSize: 1_048_576, maxFragments: 1_000 });
let open = false;
let answers = 0;

for await (const chunk of socket) {
  // The protocol unmasks in place and keeps the memory, so it gets a copy.
  let rest = new Uint8Array(chunk);
  if (!open) {
    const result = response.push(rest);
    if (result === undefined) continue;
    if ("fault" in result) throw new HandshakeError(result.fault.reason);
    const judged = judgeResponse(result.head, key, { protocols: [] });
    if ("reason" in judged) throw new HandshakeError(judged.reason);
    open = true;
    rest = new Uint8Array(result.rest);
    for (const message of messages) protocol.send(message);
    if (messages.length === 0) protocol.close(1000, "");
  }
  protocol.receive(rest);
  for (let event = protocol.nextEvent(); event !== undefined; event = protocol.nextEvent()) {
    if (event !== "message") continue;
    console.log(protocol.data);
    if (++answers === messages.length) protocol.close(1000, "done");
  }
  for (let out = protocol.output.take(); out !== undefined; out = protocol.output.take()) {
    socket.write(out);
  }
  if (protocol.endDue) socket.end();
}

protocol.receiveEnd();
const { code, wasClean } = protocol.end(undefined);
console.log(code, wasClean ? "clean" : "not clean");
