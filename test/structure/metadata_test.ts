// What several files must say alike, because each tool reads its own.

import { assertEquals, assertGreater } from "@std/assert";
import { posix } from "node:path";
import { test } from "../support/test.ts";
import { imports, list, readJson } from "./sources.ts";

interface Target {
  readonly types: string;
  readonly default: string;
}
interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly exports: Record<string, Record<string, Target>>;
  readonly imports: Record<string, Record<string, unknown>>;
}
interface JsrJson {
  readonly name: string;
  readonly version: string;
  readonly exports: Record<string, string>;
}

/** Source files without a test file of their own, and where they are tested instead. */
const testedElsewhere: Record<string, string> = {
  "src/transport/web_transport.ts": "test/contract/web_test.ts runs the suite of all transports",
  "src/browser/native_socket.ts": "types only; test/browser/connection_test.ts has several classes",
  "src/browser/page_clock.ts":
    "test/browser/connection_test.ts waits by it over the runtime's own class",
  "src/protocol/close_code.ts":
    "test/protocol/close_frame_test.ts has each code, and close_frame.ts exports it",
  "src/connection/endpoint_consumer.ts":
    "types only; test/connection/endpoint_test.ts and test/connection/dispatcher_test.ts hold both sides to it",
  "src/connection/handshake_result.ts":
    "hardly more than types; test/connection/establish_test.ts makes late requests of them",
  "src/testing/assertion.ts": "test/testing/expect_test.ts has each wording",
  "src/testing/raw_frame.ts": "test/testing/raw_peer_test.ts sends and reads each kind",
  "src/testing/raw_handshake.ts": "test/testing/raw_peer_test.ts has both ends",
  "src/testing/raw_reader.ts": "test/testing/raw_peer_test.ts reads through peers",
  "src/testing/timeout.ts": "test/testing/expect_test.ts has each end of a wait",
  "src/reconnect/client_connection.ts": "types only; test/reconnect/ has its three kinds",
  "src/reconnect/message_refused.ts": "test/reconnect/send_queue_test.ts has each code",
  "src/reconnect/options.ts":
    "types and tables; test/util/check_options_test.ts has samples of each",
  "src/reconnect/reconnecting_connection.ts": "test/reconnect/reconnect_test.ts drives all of it",
  "src/reconnect/reconnector.ts": "test/reconnect/reconnect_test.ts drives all of it",
  "src/server/ask_fetch.ts":
    "test/server/fast_handshake_test.ts and http_session_test.ts ask by it",
  "src/server/first_head.ts": "test/server/http_session_test.ts waits for heads of all kinds",
  "src/connection/publishing.ts":
    "hardly more than types; test/topics/topics_test.ts has topics, and connections without",
  "src/topics/backplane.ts": "types only; test/topics/backplane_suite.ts drives every driver",
  "src/topics/hub_topics.ts": "test/topics/topics_test.ts drives it through its interface",
  "src/topics/published.ts":
    "test/topics/topics_test.ts and test/topics/memory_history_test.ts have both kinds",
  "src/topics/relay_stats.ts": "types only; test/topics/relay_test.ts compares what they say",
  "src/topics/membership.ts": "test/topics/relay_test.ts has its order and times",
  "src/topics/incoming.ts": "test/topics/relay_test.ts has what it tells apart",
  "src/topics/outgoing.ts": "test/topics/relay_test.ts has its bound and both kinds of outage",
  "src/topics/excepted.ts": "test/topics/relay_test.ts has order: broker",
  "src/topics/hub.ts": "test/topics/topics_test.ts drives it through its interface",
  "src/topics/probe.ts": "test/topics/relay_test.ts has a deaf broker",
  "src/topics/history.ts":
    "what memory_history.ts and broker_history.ts share; test/topics/memory_history_test.ts has it",
  "src/topics/broker_history.ts": "test/topics/topic_log_test.ts drives it over a broker",
  "src/topics/log_window.ts": "test/topics/topic_log_test.ts drives it over a broker",
  "src/topics/presence.ts": "types only; test/topics/presence_hub_test.ts drives what does them",
  "src/topics/store_calls.ts":
    "test/topics/presence_hub_test.ts and test/topics/topic_log_test.ts drive it by topics",
  "src/topics/presence_iteration.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/topics/presence_lease.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/topics/presence_message.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/topics/presence_options.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/topics/presence_peers.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/topics/presence_registry.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/topics/presence_relay.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/topics/presence_view.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/topics/presence_watch.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/topics/presence_writes.ts": "test/topics/presence_hub_test.ts drives it by topics",
  "src/connection/tracer.ts": "test/connection/trace_test.ts traces connections",
  "src/connection/message_taker.ts":
    "test/connection/dispatcher_test.ts has a taker and ignoreMessages()",
  "src/connection/message_iterator.ts": "test/connection/connection_test.ts iterates connections",
  "src/connection/send_backpressure.ts":
    "test/connection/endpoint_test.ts and test/connection/sending_test.ts drive it through an endpoint",
  "src/protocol/protocol_event.ts": "types only; test/protocol/protocol_test.ts has each event",
  "src/deflate/backend.ts":
    "types only; test/runtimes/shared/zlib_test.ts drives both implementations of them",
  "src/files/folder.ts":
    "types only; test/files/file_handler_test.ts and test/runtimes/shared/folder_test.ts have one implementation each",
  "src/client/whatwg_socket.ts": "test/client/websocket_test.ts drives it through its interface",
  "src/client/whatwg_streams.ts":
    "test/client/websocket_stream_test.ts drives it through its interface",
  "src/connection/message.ts":
    "types only; test/connection/connection_test.ts and test/connection/ownership_test.ts hold what it says",
  "src/exports.ts": "test/structure/exported_types_test.ts holds each entry point to it",
  "src/util/platform.ts": "types only; test/types_test.ts and test/packaging/npm_test.ts hold them",
  "src/transport/transport.ts": "types only; test/contract drives every implementation of them",
};

const packageJson = readJson<PackageJson>("package.json");
const jsrJson = readJson<JsrJson>("jsr.json");
const denoJson = readJson<{ imports: Record<string, string> }>("deno.json");
const importMap = readJson<{ imports: Record<string, string> }>("test/support/import_map.json");
const tsconfig = readJson<{ compilerOptions: { paths: Record<string, string[]> } }>(
  "tsconfig.json",
);

/** An import map's targets as paths from the top level, given the folder that holds the map. */
function fromTop(map: Record<string, string>, folder: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(map).map(([name, target]) => [name, posix.join(folder, target)]),
  );
}

/** Only the entries that name this package. */
function own<T>(map: Record<string, T>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(map).filter(([name]) => `${name}/`.startsWith(`${jsrJson.name}/`)),
  );
}

test("package.json names the same package, version and entry points as jsr.json", () => {
  assertEquals(packageJson.name, jsrJson.name);
  assertEquals(packageJson.version, jsrJson.version);
  assertEquals(Object.keys(packageJson.exports), Object.keys(jsrJson.exports));
});

test("package.json exports the same file name under every condition of an entry point", () => {
  for (const [key, entry] of Object.entries(packageJson.exports)) {
    const name = key === "." ? "mod" : key.slice(2);
    const module = { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` };
    const common = { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` };
    const both = (name: string) => ({
      import: { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
      require: { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` },
    });
    // Tools for Workers and for React Native name `browser` as well, so that comes after them.
    const others = key !== "." ? [] : [
      ["workerd", both("web")],
      ["react-native", both("browser")],
      ["browser", both("browser")],
    ];
    // Bun, and `module-sync`, are for those whose `require()` takes ES modules: there is one copy in a process then.
    assertEquals<unknown>(Object.entries(entry), [
      ...others,
      ["bun", module],
      ["module-sync", module],
      ["import", module],
      ["require", common],
    ]);
  }
});

test("package.json gives each runtime its shim, and chooses where none is named", () => {
  const file = (name: string) => ({ import: `./dist/${name}.js`, require: `./dist/${name}.cjs` });
  // Bun and Deno are a Node as well, so that comes after them.
  assertEquals(Object.entries(packageJson.imports["#runtime"] ?? {}), [
    ["bun", file("bun")],
    ["deno", file("deno")],
    ["node", file("node")],
    ["default", file("choose")],
  ]);
});

test("deno.json leaves the package to jsr.json", () => {
  // `deno publish` would read deno.json, and publish from it, if it had these.
  const present = Object.keys(denoJson).filter((key) => /^(?:name|version|exports)$/.test(key));
  assertEquals(present, []);
});

test("deno.json, import_map.json and tsconfig.json name the entry points of jsr.json", () => {
  const expected = Object.fromEntries(
    Object.entries(jsrJson.exports).map((
      [key, path],
    ) => [posix.join(jsrJson.name, key), posix.normalize(path)]),
  );
  const paths = Object.fromEntries(
    Object.entries(tsconfig.compilerOptions.paths).map(([name, [path = ""]]) => [name, path]),
  );
  assertEquals(fromTop(own(denoJson.imports), "."), expected);
  assertEquals(fromTop(own(importMap.imports), "test/support"), expected);
  assertEquals(fromTop(own(paths), "."), expected);
});

test("deno.json, import_map.json and tsconfig.json name the same libraries", () => {
  const names = (map: Record<string, unknown>) => Object.keys(map).sort();
  assertEquals(names(importMap.imports), names(denoJson.imports));
  assertEquals(names(tsconfig.compilerOptions.paths), names(denoJson.imports));
  for (const [name, target] of Object.entries(denoJson.imports)) {
    if (!name.startsWith("@std/")) continue;
    assertEquals(target.startsWith(`jsr:${name}@`), true, name);
    const local = posix.join("test/support", importMap.imports[name] ?? "");
    assertEquals([`./${local}`], tsconfig.compilerOptions.paths[name]);
  }
});

test("src has a test file for each source file", () => {
  const sources = list("src", ".ts");
  const tests = list("test", "_test.ts");
  assertGreater(sources.length, 0);
  const missing = sources.filter((path) =>
    testedElsewhere[path] === undefined &&
    !tests.includes(path.replace(/^src\//, "test/").replace(/\.ts$/, "_test.ts"))
  );
  assertEquals(missing, []);
  // An exception that is no longer one is taken out of the list.
  assertEquals(Object.keys(testedElsewhere).filter((path) => !sources.includes(path)), []);
});

test("examples import the package by its name", () => {
  // `node:` is built into all three runtimes; a relative import must stay within examples/. An example of a
  // framework or with a broker imports that one, or its client.
  const others =
    /^(?:express|fastify|koa|hono|@hono\/node-server|pako|redis|ws|crossws|socket\.io|cloudflare:sockets)(?:\/|$)/;
  const entryPoints = Object.keys(own(denoJson.imports));
  const wrong = list("examples", ".ts", ".js", ".mjs").flatMap((path) =>
    imports(path)
      .filter(({ target }) =>
        !entryPoints.includes(target) && !target.startsWith("node:") &&
        !target.startsWith("examples/") && !others.test(target)
      )
      .map(({ specifier }) => `${path} imports ${specifier}`)
  );
  assertEquals(wrong, []);
});
