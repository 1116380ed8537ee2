// The opening handshake by hand: the accept value for the key in a request that a browser sends.

import { computeAccept } from "@sansocket/ws/core";

const request = [
  "GET /chat HTTP/1.1",
  "Host: 127.0.0.1:8002",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Origin: http://127.0.0.1:8002",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
].join("\r\n") + "\r\n\r\n";

const [, key = ""] = /^sec-websocket-key: *(\S+)/im.exec(request) ?? [];
console.log(computeAccept(key)); // s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
