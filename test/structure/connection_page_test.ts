// docs/guides/connections.md names each public member of a connection.

import { assert } from "@std/assert";
import { pair } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";
import { read } from "./sources.ts";

test("docs/guides/connections.md names each property and method of a connection", async () => {
  const page = read("docs/guides/connections.md");
  const { client, server } = await pair();
  const members = [client, Object.getPrototypeOf(client)].flatMap(Object.getOwnPropertyNames);
  assert(members.length > 30, String(members));
  const missing = members.filter((name) =>
    name !== "constructor" && !new RegExp(`^\\| .*\`${name}(?:\\(.*\\))?\`.*\\|`, "m").test(page)
  );
  assert(missing.length === 0, `Not in a table: ${missing.join(", ")}`);
  client.terminate();
  await server.closed;
});
