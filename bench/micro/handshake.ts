// The opening handshake: the request's head, the judgement, the key, the answer.

import { bench, do_not_optimize, group } from "mitata";
import {
  computeAccept,
  createRequest,
  createRequestParser,
  formatAcceptance,
  judgeRequest,
  parseUrl,
  type RequestHead,
} from "../../src/core.ts";
import { change, REQUEST } from "../../test/handshake/heads.ts";

const encode = (lines: readonly string[]): Uint8Array =>
  new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);

const bytes = encode(REQUEST);
const browser = encode(change(
  REQUEST,
  "+User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
  "+Accept-Encoding: gzip, deflate, br, zstd",
  "+Accept-Language: en-GB,en;q=0.9",
  "+Cache-Control: no-cache",
  "+Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
));

function parse(head: Uint8Array): RequestHead {
  const result = createRequestParser().push(head);
  if (result === undefined || "fault" in result) throw new Error("Expected a whole head");
  return result.head;
}

const head = parse(bytes);
const acceptance = judgeRequest(head);
if (!("key" in acceptance)) throw new Error("Expected a handshake");

group("handshake", () => {
  bench("request head", () => do_not_optimize(parse(bytes)));
  bench("request head of a browser", () => do_not_optimize(parse(browser)));
  bench("judgeRequest", () => do_not_optimize(judgeRequest(head)));
  bench("computeAccept", async () => do_not_optimize(await computeAccept(acceptance.key)));
  bench(
    "formatAcceptance",
    async () =>
      do_not_optimize(await formatAcceptance(acceptance, { protocol: undefined, headers: [] })),
  );
  const url = parseUrl("ws://127.0.0.1:8001/");
  bench("createRequest", () => do_not_optimize(createRequest(url, { protocols: [], headers: [] })));
});
