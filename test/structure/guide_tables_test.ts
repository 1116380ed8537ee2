// Tables of the guides are whole: each public member of a connection is in connections.md, each hook
// in servers.md, and each time limit of a server, with its default, in heartbeat.md.

import { assert, assertEquals } from "@std/assert";
import { pair } from "@sansocket/ws/testing";
import { HOOKS } from "../../src/connection/check_handler.ts";
import { CONNECTION_DEFAULTS } from "../../src/connection/limits.ts";
import { GUARD_DEFAULTS, GUARD_OPTIONS } from "../../src/guard/options.ts";
import { SERVE_OPTIONS, SERVER_DEFAULTS } from "../../src/server/options.ts";
import { milliseconds, type OptionRule } from "../../src/util/check_options.ts";
import { test } from "../support/test.ts";
import { read } from "./sources.ts";

test("docs/guides/servers.md names each hook", () => {
  const page = read("docs/guides/servers.md");
  const missing = Object.keys(HOOKS).filter((name) => !page.includes(`\n| \`${name}(ws`));
  assert(missing.join() === "streamFrom", missing.join()); // which is no function
});

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

test("docs/guides/heartbeat.md has each time limit of a server, with its default", () => {
  const page = read("docs/guides/heartbeat.md");
  const timesOf = (table: object, defaults: object, prefix = ""): [string, number][] =>
    Object.entries(table as Record<string, OptionRule>)
      .filter(([, rule]) => rule === milliseconds)
      .map(([name]) => [prefix + name, (defaults as Record<string, number>)[name]!]);
  const { heartbeat } = CONNECTION_DEFAULTS;
  const times = [
    ...timesOf(SERVE_OPTIONS, { ...CONNECTION_DEFAULTS, ...SERVER_DEFAULTS }),
    ...timesOf(SERVE_OPTIONS.heartbeat.table ?? {}, heartbeat, "heartbeat."),
    ...timesOf(GUARD_OPTIONS, GUARD_DEFAULTS, "guard."),
  ];
  assertEquals(times.length, 9, times.join("; "));
  for (const [name, value] of times) {
    const shown = value === Infinity ? "Infinity" : value.toLocaleString("en");
    const row = new RegExp(`^\\| \`${name}\` +\\| \`${shown}\` `, "m");
    assert(row.test(page), `No row for ${name} with ${shown}`);
  }
});
