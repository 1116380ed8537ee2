import { assert, assertEquals } from "@std/assert";
import { ConnectionClosed } from "@sansocket/ws";
import { pair } from "@sansocket/ws/testing";
import { whyNotOpen } from "../../src/connection/why_not_open.ts";
import { test } from "../support/test.ts";

test("whyNotOpen() tells what is known while a connection closes, and how it has ended", async () => {
  const { client, server } = await pair();
  const closed = client.close(4000, "done");
  const closing = whyNotOpen(client);
  assert(closing instanceof ConnectionClosed);
  assertEquals([closing.info.sent?.code, closing.info.received], [4000, undefined]);
  await closed;
  for (const end of [client, server]) {
    assertEquals(whyNotOpen(end).info, await end.closed);
    // By a name that another copy of the package finds too.
    const name = Symbol.for("@sansocket/ws/WebSocketConnection.whyNotOpen");
    assertEquals(typeof (end as unknown as Record<symbol, unknown>)[name], "function");
  }
});
