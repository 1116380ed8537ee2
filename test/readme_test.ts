// Runs what the README and the pages in docs/ show, on the runtime at hand. Only ports are changed.
//
// A sample is a whole program that ends by itself. What stands behind the language says where:
//
//   ts           on each runtime
//   ts bun       on Bun alone, whose own API it shows; so do ts node and ts deno
//   ts redis     with a Redis server, in place of the one on the usual port
//   ts nats      with a server of NATS, likewise
//   python run   by Debian's Python, where it has the modules
//
// Pages are found by themselves. A block that another test runs is one that it takes by
// `takeBlocks()`, as test/interop/deploy_page_test.ts does; other languages are checked by
// test/structure/code_blocks_test.ts, which also counts; the types of the samples are checked by
// test/sample_types_test.ts. What can neither be run nor checked says why, in a comment before it:
// <!-- not run: a diagram -->

import { assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { startBundled } from "./support/bundled.ts";
import { type Block, blocksOf, isSample, pages } from "./support/code_blocks.ts";
import {
  type Child,
  findExecutable,
  root,
  run,
  type RuntimeName,
  start,
} from "./support/process.ts";
import { startNats, withoutNats } from "./support/nats_server.ts";
import { redisSkip, startRedis } from "./support/redis_server.ts";
import { runtime, test } from "./support/test.ts";

/** The samples of a page. */
function samplesOf(page: string): Block[] {
  return blocksOf(page).filter(isSample);
}

const samples = samplesOf("README.md").map(({ code }) => code);
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

/** What a sample says that it prints: the comments behind its console.log() or print(). */
function expectedOutput(code: string): string {
  const lines = code.matchAll(/(?:console\.log\(.*\); \/\/|print\(.*\) {2}#) (.*)/g);
  return [...lines].map(([, text]) => `${text}\n`).join("");
}

test("README has a server, a client, a page with a socket, and rooms", () => {
  assertEquals(samples.length, 4);
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
async function runSample(code: string, start: (file: string) => Child | Promise<Child>) {
  await withFolder(async (folder) => {
    const file = join(folder, "sample.ts");
    writeFileSync(file, code);
    const sample = await start(file);
    assertEquals(await sample.exit, 0, sample.output());
    assertEquals(sample.output(), expectedOutput(code));
  });
}

/** Starts a TypeScript program on the runtime at hand. */
function startHere(file: string): Child | Promise<Child> {
  if (runtime !== "node") return start(name, file);
  return startBundled(file, file.replace(/ts$/, "mjs"));
}

// Debian's own has Debian's packages.
const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : findExecutable(["python3"]);

/** Why a Python program is not run, if it is not. */
function pythonSkip(code: string): string | false {
  if (runtime !== "node") return "one run of Python is enough";
  const modules = [...code.matchAll(/^(?:from|import) (\w+)/gm)].map(([, module = ""]) => module);
  const find = "import importlib as i, sys; [i.import_module(name) for name in sys.argv[1:]]";
  const found = python && spawnSync(python, ["-c", find, ...modules]).status === 0;
  return !found && !process.env["CI"] && `no Python with ${[...new Set(modules)].join(", ")}`;
}

test("README's page and socket print what they say", () => runSample(samples[2] ?? "", startHere));

test("README's rooms print what they say", () => runSample(samples[3] ?? "", startHere));

for (const page of pages.filter((page) => page !== "README.md")) {
  for (const [i, { kind, code }] of samplesOf(page).entries()) {
    const title = `${page} sample ${i + 1} prints what it says`;
    const [language, needs] = kind.split(" ");
    if (language === "python") {
      const skip = pythonSkip(code);
      test(title, () => runSample(code, (file) => run([python ?? "python3", file])), { skip });
    } else if (needs === "redis") {
      test(title, async () => {
        await using redis = await startRedis();
        await runSample(code.replaceAll("redis://127.0.0.1:6379", redis.url), startHere);
      }, { skip: redisSkip });
    } else if (needs === "nats") {
      test(title, async () => {
        await using nats = await startNats();
        await runSample(
          code.replaceAll("127.0.0.1:4222", nats.address),
          (file) => start(name, file),
        );
      }, { skip: withoutNats });
    } else {
      const skip = needs !== undefined && needs !== runtime && `a program for ${needs}`;
      test(title, () => runSample(code, startHere), { skip });
    }
  }
}
