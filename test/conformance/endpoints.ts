// The programs that are tested: our own on each runtime, and servers that are not ours.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Child, root, type RuntimeName, start } from "../support/process.ts";
import { testServer } from "./as_client.ts";
import { startFuzzingServer } from "./as_server.ts";
import type { Case, Result, Role } from "./case.ts";
import type { EndpointReport } from "./report.ts";

/** A program that can be tested. */
export interface Endpoint {
  readonly name: string;
  readonly role: Role;
  /** Started with `--port 0`, it prints its URL; a client is given `--url`. */
  readonly runtime: RuntimeName;
  readonly file: string;
}

const runtimes: readonly RuntimeName[] = ["node", "deno", "bun"];

/** Our server and our client on each runtime. */
export const ours: readonly Endpoint[] = (["server", "client"] as const).flatMap((role) =>
  runtimes.map((runtime) => ({
    name: "sansocket",
    role,
    runtime,
    file: `examples/autobahn/${role}.ts`,
  }))
);

/** Servers to compare with. */
export const others: readonly Endpoint[] = [
  { name: "ws", role: "server", runtime: "node", file: "test/conformance/peers/ws.ts" },
  { name: "Bun.serve", role: "server", runtime: "bun", file: "test/conformance/peers/bun.ts" },
  {
    name: "Deno.upgradeWebSocket",
    role: "server",
    runtime: "deno",
    file: "test/conformance/peers/deno.ts",
  },
];

/** Milliseconds without a result after which a client program is taken for dead. */
const SILENCE = 150_000;

/**
 * Starts a program, runs all cases of its role against it, and stops it.
 *
 * @param report Told of each result as it comes.
 */
export async function testEndpoint(
  endpoint: Endpoint,
  cases: readonly Case[],
  report: (result: Result) => void = () => {},
): Promise<EndpointReport> {
  const { name, role, runtime } = endpoint;
  const results = role === "server"
    ? await testServerProgram(endpoint, cases, report)
    : await testClientProgram(endpoint, cases, report);
  return { name: withVersion(name), role, runtime: withVersion(runtime), results };
}

async function testServerProgram(
  { runtime, file }: Endpoint,
  cases: readonly Case[],
  report: (result: Result) => void,
): Promise<Result[]> {
  const child = start(runtime, file, ["--port", "0"]);
  try {
    const [url] = await child.waitFor(/ws:\/\/\S+/);
    return await testServer(new URL(url), cases, report);
  } finally {
    await child.stop("SIGKILL");
  }
}

async function testClientProgram(
  { runtime, file }: Endpoint,
  cases: readonly Case[],
  report: (result: Result) => void,
): Promise<Result[]> {
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  let child: Child | undefined;
  const watch = (): void => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => child?.stop("SIGKILL"), SILENCE);
  };
  const server = await startFuzzingServer(cases, (_, result) => {
    watch();
    report(result);
  });
  try {
    watch();
    child = start(runtime, file, ["--url", server.url, "--agent", "sansocket"]);
    await child.exit;
    const results = [...server.results.get("sansocket") ?? []];
    const done = new Set(results.map(({ id }) => id));
    for (const { id, title, expectation, role } of cases) {
      if (role === "server" || done.has(id)) continue;
      const seen = child.output().trim().slice(-500);
      const reason = "the client program did not get as far as this case";
      const verdict = "FAILED";
      results.push({ id, title, expectation, verdict, reason, seen, milliseconds: 0 });
    }
    return results;
  } finally {
    clearTimeout(watchdog);
    await server.close();
  }
}

/** "ws" to "ws 8.23.0", "node" to "Node 20.11.0". */
function withVersion(name: string): string {
  if (name === "node") return `Node ${process.versions.node}`;
  if (!["ws", "deno", "bun"].includes(name)) return name;
  const path = join(root, "node_modules", name, "package.json");
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
  return `${name === "ws" ? name : `${name[0]?.toUpperCase()}${name.slice(1)}`} ${version}`;
}
