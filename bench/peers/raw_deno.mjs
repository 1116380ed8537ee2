// A plain TCP echo on Deno.listen: one loop of reads and writes for each connection.

import { listening } from "./lifeline.mjs";

const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
listening(listener.addr.port);

async function echo(connection) {
  const buffer = new Uint8Array(65_536);
  connection.setNoDelay(true);
  try {
    for (;;) {
      const length = await connection.read(buffer);
      if (length === null) break;
      for (let offset = 0; offset < length;) {
        offset += await connection.write(buffer.subarray(offset, length));
      }
    }
  } catch {
    // The generator has gone.
  }
  connection.close();
}

for await (const connection of listener) echo(connection);
