// `npm run conformance`: the suite against our server and our client on Node, Deno and Bun.
//
//   --url ws://host:port/   against any echo server in place of ours
//   --serve PORT            waits for client programs, as the Autobahn Testsuite's fuzzing server does
//   --only PREFIX           these cases only: 6, 6.4, 6.4.1
//   --endpoint TEXT         these programs only: "server", "bun", "client deno"
//   --quick                 100 messages in place of 1,000, 128 KiB of them, none above 4 MiB
//   --full                  1,000 messages of every size
//   --compare               with the servers of ws, Bun and Deno; a complete run writes docs/conformance.md
//   --output FOLDER         where report.json and report.html go; conformance/ unless told
//   --verbose               a line for each case
//
// Exits with 1 when a case of ours has failed.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { root } from "../support/process.ts";
import { allCases, complete, full, quick } from "./all.ts";
import { testServer } from "./as_client.ts";
import { startFuzzingServer } from "./as_server.ts";
import type { Result } from "./case.ts";
import { type Endpoint, others, ours, testEndpoint } from "./endpoints.ts";
import { type EndpointReport, findings, formatIds, formatTable, type Report } from "./report.ts";
import { formatDocs } from "./report_docs.ts";
import { formatHtml } from "./report_html.ts";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    serve: { type: "string" },
    only: { type: "string" },
    endpoint: { type: "string" },
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    compare: { type: "boolean", default: false },
    output: { type: "string", default: "conformance" },
    verbose: { type: "boolean", default: false },
  },
});

/** Endpoints that are tested side by side. */
const SIDE_BY_SIDE = 2;

const scale = values.quick ? quick : values.full ? full : complete;
const cases = allCases(scale, values.only);
if (cases.length === 0) throw new Error(`No case has an id that begins with ${values.only}`);

if (values.serve !== undefined) {
  const server = await startFuzzingServer(
    cases,
    (agent, result) => console.log(describe(agent, result)),
    Number(values.serve),
  );
  console.log(`Cases at ${server.url}/runCase?case=1&agent=NAME and on`);
  await new Promise((resolve) => process.once("SIGINT", resolve));
  const endpoints = [...server.results].map(([name, results]): EndpointReport => ({
    name,
    role: "client",
    runtime: "",
    results,
  }));
  await server.close();
  finish(endpoints, endpoints);
} else if (values.url !== undefined) {
  const url = new URL(values.url);
  if (url.protocol !== "ws:") throw new Error(`Expected a URL with ws:, got ${values.url}`);
  const results = await testServer(url, cases, progress(url.href));
  const endpoint = { name: url.href, role: "server", runtime: "", results } as const;
  finish([endpoint], [endpoint]);
} else {
  const chosen = [...ours, ...(values.compare ? others : [])].filter(isChosen);
  const reports = await inParallel(chosen, async (endpoint) => {
    const name = `${endpoint.name} ${endpoint.role} on ${endpoint.runtime}`;
    const report = await testEndpoint(endpoint, cases, progress(name));
    console.log(`${name}: done`);
    return report;
  });
  finish(reports, reports.filter((_, index) => ours.includes(chosen[index]!)));
}

/** Whether --endpoint names it, by all of its words. */
function isChosen({ name, role, runtime }: Endpoint): boolean {
  const words = values.endpoint?.toLowerCase().split(" ") ?? [];
  return words.every((word) => `${name} ${role} ${runtime}`.toLowerCase().includes(word));
}

function progress(name: string): (result: Result) => void {
  return (result) => {
    if (values.verbose || result.verdict === "FAILED") console.log(describe(name, result));
  };
}

function describe(name: string, { id, verdict, reason, seen, milliseconds }: Result): string {
  const why = reason === undefined ? "" : `: ${reason}; seen: ${seen}`;
  return `${name} ${id} ${verdict}${why} (${milliseconds} ms)`;
}

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  return results;
}

/** Writes the reports, and judges the run by those of its ends that count. */
function finish(endpoints: readonly EndpointReport[], counted: readonly EndpointReport[]): void {
  const report: Report = { date: new Date().toISOString(), endpoints };
  const folder = resolve(root, values.output);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "report.json"), JSON.stringify(report, undefined, 1));
  writeFileSync(join(folder, "report.html"), formatHtml(report));
  if (values.compare && values.only === undefined && !values.quick && !values.endpoint) {
    const path = join(root, "docs/conformance.md");
    writeFileSync(path, formatDocs(report, readFileSync(path, "utf8")));
  }
  console.log(`\n${formatTable(report)}\n`);
  for (const { name, role, runtime, results } of endpoints) {
    for (const { verdict, reason, ids } of findings(results)) {
      console.log(`${name} ${role} ${runtime}: ${verdict} ${formatIds(ids)}: ${reason}`);
    }
  }
  console.log(`\nReports: ${join(folder, "report.html")}`);
  const failed = counted.some(({ results }) => results.some(({ verdict }) => verdict === "FAILED"));
  process.exitCode = failed || counted.length === 0 ? 1 : 0;
}
