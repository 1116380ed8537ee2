// A server that does not keep its process alive: once a client has come and gone, nothing does.

import { connect, createDevelopmentCertificate, serve } from "@sansocket/ws";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { tls: { type: "boolean", default: false } } });
const tls = values.tls ? { tls: await createDevelopmentCertificate() } : {};
const server = await serve({
  ...tls,
  port: 0,
  websocket: { message: (ws, data) => ws.send(data) },
});
server.unref();
const ws = await connect(server.url, { tls: { rejectUnauthorized: false } });
await ws.send("served");
console.log(await ws.receive());
await ws.close();
