// The package imported from JSR, with a registry on loopback that serves what a publish would upload.
//
// The files are those that `deno publish --dry-run` lists. JSR serves them unchanged at
// /@scope/name/version/path, next to two JSON files that Deno reads first: the list of versions, and
// the version's manifest, against which it checks the size and SHA-256 of every file that it loads.

import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { imports, readJson } from "../structure/sources.ts";
import { test } from "../support/test.ts";
import { entryPoints, expectedOutput, moduleProgram } from "./support.ts";
import { root, run, skip, specifier, tool, withFolder } from "./support.ts";

const { name, version, exports } = readJson<
  { name: string; version: string; exports: Record<string, string> }
>("jsr.json");

let published: Promise<string[]> | undefined;

/** The paths that a publish would upload, from the top level; asked for once. */
function publishedFiles(): Promise<string[]> {
  published ??= listPublished();
  return published;
}

async function listPublished(): Promise<string[]> {
  // Types are the gate's concern, and checking them takes most of the time.
  const flags = ["publish", "--dry-run", "--allow-dirty", "--no-check", "--allow-slow-types"];
  const output = await run(tool("deno"), [...flags, "--config", "jsr.json"], {
    cwd: root,
    output: "stderr",
  });
  const paths = [...output.matchAll(/^\s+(file:\/\/\S+) \(/gm)]
    .map(([, url = ""]) => fileURLToPath(url).slice(root.length));
  return paths.sort();
}

/** What the registry answers, by path. */
async function registryContent(paths: readonly string[]): Promise<Map<string, Uint8Array>> {
  const content = new Map<string, Uint8Array>();
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const path of paths) {
    const bytes = await readFile(join(root, path));
    const checksum = `sha256-${createHash("sha256").update(bytes).digest("hex")}`;
    manifest[`/${path}`] = { size: bytes.length, checksum };
    content.set(`/${name}/${version}/${path}`, bytes);
  }
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const [scope, short] = name.slice(1).split("/");
  content.set(
    `/${name}/meta.json`,
    json({ scope, name: short, latest: version, versions: { [version]: {} } }),
  );
  content.set(`/${name}/${version}_meta.json`, json({ manifest, exports }));
  return content;
}

/** Runs `body` against a registry; `missing` collects the paths that it did not have. */
async function withRegistry(
  body: (url: string, missing: readonly string[]) => Promise<void>,
): Promise<void> {
  const content = await registryContent(await publishedFiles());
  const missing: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const bytes = content.get(path);
    if (bytes === undefined) missing.push(path);
    const type = path.endsWith(".ts") ? "text/typescript" : "application/json";
    response.writeHead(bytes === undefined ? 404 : 200, { "content-type": type });
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    await body(`http://127.0.0.1:${port}/`, missing);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Runs `deno` on a program in a folder of its own, with an empty cache. */
async function deno(args: readonly string[], program: string, registry: string): Promise<string> {
  let output = "";
  await withFolder(async (folder) => {
    await writeFile(join(folder, "main.ts"), program);
    output = await run(tool("deno"), [...args, "--no-lock", "--no-config", "main.ts"], {
      cwd: folder,
      env: { JSR_URL: registry, DENO_DIR: join(folder, "cache") },
    });
  });
  return output;
}

test("JSR package has the sources, the documents and nothing else", async () => {
  const paths = await publishedFiles();
  for (const path of ["README.md", "LICENSE", "CHANGELOG.md", "jsr.json", "mod.ts"]) {
    assert(paths.includes(path), path);
  }
  const rest = paths.filter((path) => !/^(?:src|runtimes)\/[\w/]+\.ts$/.test(path));
  assertEquals(rest, ["CHANGELOG.md", "LICENSE", "README.md", "jsr.json", "mod.ts"]);
}, { skip });

test("JSR package imports by relative path with the .ts ending only", async () => {
  // JSR has no import map of ours; what a runtime has built in is the exception.
  const modules = (await publishedFiles()).filter((path) => path.endsWith(".ts"));
  const wrong = modules.flatMap((path) =>
    imports(path)
      .filter(({ specifier }) => !/^(?:\.\.?\/.*\.ts|node:[\w/]+)$/.test(specifier))
      .map(({ specifier }) => `${path} imports ${specifier}`)
  );
  assertEquals(wrong, []);
}, { skip });

test("JSR package works on Deno", () =>
  withRegistry(async (registry, missing) => {
    const output = await deno(["run", "-A", "--no-check"], moduleProgram(`jsr:${name}`), registry);
    assertEquals(output, expectedOutput);
    assertEquals(missing, []);
  }), { skip });

test(
  "JSR package has types for every entry point",
  () =>
    withRegistry(async (registry, missing) => {
      const from = (key: string) => specifier(`jsr:${name}@${version}`, key);
      const program = `
      ${entryPoints.map((key, i) => `import * as entry${i} from "${from(key)}";`).join("\n")}
      import { connect, type WebSocketConnection } from "${from(".")}";
      export const ws: WebSocketConnection = await connect("ws://127.0.0.1:1/");
      export const entries: object[] = [${entryPoints.map((_, i) => `entry${i}`).join(", ")}];
      // @ts-expect-error: send() takes no number, so the types are there and are checked
      ws.send(1);
    `;
      await deno(["check", "--all"], program, registry);
      assertEquals(missing, []);
    }),
  { skip },
);
