// A server on a port that it shares. It tells each client its process id, and ends with the signal.

import { createDevelopmentCertificate, serve } from "@sansocket/ws";
import process from "node:process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, tls: { type: "boolean", default: false } },
});
const tls = values.tls ? { tls: await createDevelopmentCertificate() } : {};
const server = await serve({
  ...tls,
  port: Number(values.port),
  reusePort: true,
  websocket: (ws) => ws.send(String(process.pid)),
});
console.log(`listening on ${server.port}`);
process.on("SIGTERM", () => process.exit(0));
