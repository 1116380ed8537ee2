import { serve } from "@sansocket/ws";
import process from "node:process";
import { options } from "./routes.ts";
import { leave } from "./topics.ts";

const server = await serve({ port: Number(process.argv[2] ?? 8002), ...options });
console.log(`Chat: ${server.url}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await server.close({ code: 1012, spread: 500, timeout: 3_000 });
    await leave();
    process.exit();
  });
}
