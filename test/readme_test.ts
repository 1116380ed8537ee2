// Runs what the README and the pages in docs/ show, on the runtime at hand. Only ports are changed.

import { assertEquals } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBundled } from "./support/bundled.ts";
import { root, type RuntimeName, start } from "./support/process.ts";
import { runtime, test } from "./support/test.ts";

/** Pages whose every TypeScript sample is a whole program that ends by itself. */
const pages = [
  "docs/core.md",
  "docs/servers.md",
  "docs/connections.md",
  "docs/errors.md",
  "docs/testing.md",
  "docs/topics.md",
];

/** The TypeScript samples of a page. */
function samplesOf(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, code = ""]) => code);
}

const samples = samplesOf("README.md");
const name: RuntimeName = runtime;

/** Runs `body` with a folder in the project, where the package's name resolves as it does for its examples. */
async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(root, "examples", ".readme-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What a sample says that it prints: the comments behind its console.log(). */
function expectedOutput(code: string): string {
  return [...code.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, text]) => `${text}\n`).join(
    "",
  );
}

test("README has a server, a client, and a page with a socket", () => {
  assertEquals(samples.length, 3);
});

test("README's first server serves its first client", async () => {
  const [serverCode = "", clientCode = ""] = samples;
  await withFolder(async (folder) => {
    const serverFile = join(folder, "server.ts");
    writeFileSync(serverFile, serverCode.replace("8001", "0"));
    const server = start(name, serverFile);
    const [, port = ""] = await server.waitFor(/Listening on http:\/\/127\.0\.0\.1:(\d+)\//);

    const clientFile = join(folder, "client.ts");
    writeFileSync(clientFile, clientCode.replace("8001", port));
    const client = start(name, clientFile);
    assertEquals(await client.exit, 0, client.output());
    assertEquals(client.output(), expectedOutput(clientCode));
    await server.stop("SIGKILL");
  });
});

/** Runs a sample that is a whole program, and compares what it prints with what it says. */
async function runSample(code: string): Promise<void> {
  await withFolder(async (folder) => {
    const file = join(folder, "sample.ts");
    writeFileSync(file, code);
    const sample = runtime === "node"
      ? await startBundled(file, file.replace(/ts$/, "mjs"))
      : start(name, file);
    assertEquals(await sample.exit, 0, sample.output());
    assertEquals(sample.output(), expectedOutput(code));
  });
}

test("README's page and socket print what they say", () => runSample(samples[2] ?? ""));

for (const page of pages) {
  for (const [i, code] of samplesOf(page).entries()) {
    test(`${page} sample ${i + 1} prints what it says`, () => runSample(code));
  }
}
