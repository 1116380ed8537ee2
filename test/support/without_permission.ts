// Listens and connects where Deno does not permit it, in every way, and reads the environment; prints what it is told: `PORT`.

import process from "node:process";
import { connect, createDevelopmentCertificate, serve, type ServerOptions } from "@sansocket/ws";

const tls = await createDevelopmentCertificate();
const port = Number(process.argv[2]);
const told = async (attempt: Promise<{ close(): unknown }>): Promise<void> => {
  try {
    await (await attempt).close();
    console.log("permitted");
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    console.log(`${code} ${message}`);
  }
};
const places: ServerOptions[] = [{ port }, { port, hostname: "localhost" }];
for (const place of places) {
  for (const options of [{}, { tls }, { reusePort: true }]) {
    await told(serve({ ...place, ...options, websocket() {} }));
  }
}
for (const scheme of ["ws", "wss"]) {
  for (const host of ["127.0.0.1", "localhost"]) {
    await told(connect(`${scheme}://${host}:${port}/`));
  }
}
await told(connect(`ws://127.0.0.1:${port}/`, { proxy: "environment" }));
process.exit();
