// README.md and the first two pages of docs/learn/, as a new reader walks them: from an empty folder,
// with the commands and programs that stand there, on three runtimes.
//
// 1. The clone has the packed file, and links to the sources for Deno. `npm ci` and `npm pack` are
//    not run in it: packed() has done the same.
// 2. Only the port is changed, and npm is kept from the network.
// 3. Of the commands for several versions of Node, that of the version at hand is run.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect } from "@sansocket/ws";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { launch, openPage, shows, skip as noBrowser } from "../pages/browser.ts";
import { read, readJson } from "../structure/sources.ts";
import { blocksOf, takeBlocks } from "../support/code_blocks.ts";
import { type Child, run as startCommand } from "../support/process.ts";
import { test } from "../support/test.ts";
import { packed } from "./packed.ts";
import { root, run, skip, withFolder } from "./support.ts";

const firstServer = "docs/learn/first-server.md";
const [echo = "", hello = "", room = ""] = takeBlocks("docs/learn/first-server.md", "ts server");
const [listening = "", printed = "", portInUse = "", upgradeRequired = "", misspelt = ""] =
  takeBlocks("docs/learn/first-server.md", "text");
const [html = ""] = takeBlocks("docs/learn/first-server.md", "html");
const [firstClient = ""] = takeBlocks("docs/learn/first-client.md", "ts server");
const [firstOutput = "", refused = ""] = takeBlocks("docs/learn/first-client.md", "text");

/** The first block of a kind on a page that has a text in it. */
function blockWith(page: string, kind: string, text: string): string {
  const block = blocksOf(page, kind).find(({ code }) => code.includes(text));
  assert(block, `${page}: ${kind} with ${text}`);
  return block.code;
}

const readme = read("README.md");
const page = read(firstServer);
/** What is typed in the clone, apart from what packed() has done, and behind it. */
const install = blockWith("README.md", "sh", "npm pack").replace(/^npm .*\n/gm, "") +
  blockWith("README.md", "sh", "npm init");
const [bunInstall = ""] = /`bun add \.[^`]+`/.exec(readme) ?? [];
const denoConfig = blockWith("README.md", "json", "imports");
const [serverProgram = "", clientProgram = ""] = blocksOf("README.md", "ts").map(({ code }) =>
  code
);

/** How a page says that a program is run, for this version of Node. */
function nodeCommand(): string {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const rows = [...page.matchAll(/^\| (2\d[^|]*?) *\| `(node [^`]*)`/gm)];
  assertEquals(rows.length, 3);
  const strips = major > 23 || major === 23 && minor >= 6 || major === 22 && minor >= 18;
  const experimental = major === 23 || major === 22 && minor >= 6;
  return rows[strips ? 0 : experimental ? 1 : 2]?.[2] ?? "";
}

/** The commands that run `server.ts`, by runtime. */
const commands = blockWith("README.md", "sh", "node server.ts").trimEnd().split("\n")
  .map((command) => command === "node server.ts" ? nodeCommand() : command);

interface Walk {
  /** The reader's folder. */
  readonly folder: string;
  /** Runs commands in a folder, beside the clone by default, and returns what they print. */
  shell(commands: string, folder?: string): Promise<string>;
  /** Writes a program, and starts it by a command of a page. */
  start(command: string, program: string): Promise<Child>;
}

/** Runs `body` beside a clone, where the reader's folder is about to be made. */
function walk(body: (walk: Walk) => Promise<void>): Promise<void> {
  return withFolder(async (parent) => {
    const [clone, bin, folder] = ["ws", "bin", "first"].map((name) => join(parent, name)) as [
      string,
      string,
      string,
    ];
    await mkdir(clone);
    await mkdir(bin);
    const { name, version } = readJson<{ name: string; version: string }>("package.json");
    const file = `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
    assertStringIncludes(install, file);
    await writeFile(join(clone, file), await packed());
    for (const source of ["mod.ts", "src", "runtimes"]) {
      await symlink(join(root, source), join(clone, source));
    }
    await symlink(join(root, "node_modules/deno/deno"), join(bin, "deno"));
    await symlink(join(root, "node_modules/.bin/bun"), join(bin, "bun"));
    const path = `${bin}:${process.env["PATH"]}`;
    const children: Child[] = [];
    try {
      await body({
        folder,
        shell: (commands, cwd = parent) =>
          run("bash", ["-ec", commands], { cwd, env: { PATH: path, npm_config_offline: "true" } }),
        async start(command, program) {
          await writeFile(join(folder, command.split(" ").at(-1) ?? ""), program);
          const script = `cd "$0" && export PATH="$1" NO_COLOR=1 && exec ${command}`;
          const child = startCommand(["bash", "-c", script, folder, path]);
          children.push(child);
          return child;
        },
      });
    } finally {
      for (const child of children) await child.stop("SIGKILL");
    }
  });
}

/** Installs the package as the pages say, with what an older Node needs. */
async function installed({ folder, shell }: Walk): Promise<void> {
  await shell(install);
  await symlink(join(root, "node_modules/tsx"), join(folder, "node_modules/tsx"));
}

/** Starts a server of a page, and returns it with its port. */
async function listen({ start }: Walk, command: string, program: string) {
  assertStringIncludes(program, "port: 8001");
  const server = await start(command, program.replace("port: 8001", "port: 0"));
  const [line = "", port = ""] = await server.waitFor(
    /Listening on http:\/\/127\.0\.0\.1:(\d+)\/\n/,
  );
  assertEquals(line, listening.replace("8001", port));
  return { server, port };
}

/** Runs a client of a page against that, and returns what it prints. */
async function talk({ start }: Walk, command: string, program: string, port: string) {
  const ran = await start(command.replace("server.", "client."), program.replace("8001", port));
  assertEquals(await ran.exit, 0, ran.output());
  return ran.output();
}

/** What a program says that it prints. */
const said = (program: string): string =>
  [...program.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, text]) => `${text}\n`).join("");

async function serverAndClient(walk: Walk, command: string): Promise<void> {
  const { server, port } = await listen(walk, command, serverProgram);
  assertEquals(await talk(walk, command, clientProgram, port), said(clientProgram), command);
  await server.stop("SIGKILL");
}

test(
  "README's commands install the package, and run its programs on three runtimes",
  () =>
    walk(async (walk) => {
      await installed(walk);
      assertEquals(commands.length, 3);
      for (const command of commands) await serverAndClient(walk, command);
      // Without types they run on every Node.
      assertStringIncludes(readme, "`server.mjs`");
      await serverAndClient(walk, "node server.mjs");
    }),
  { skip, timeout: 240_000 },
);

test("README's programs run where Bun alone has installed the package", () =>
  walk(async (walk) => {
    await mkdir(walk.folder);
    await walk.shell(bunInstall.replaceAll("`", ""), walk.folder);
    await serverAndClient(walk, commands[2] ?? "");
  }), { skip, timeout: 240_000 });

test(
  "README's programs run where Deno alone has the sources of a clone",
  () =>
    walk(async (walk) => {
      await mkdir(walk.folder);
      await writeFile(join(walk.folder, "deno.json"), denoConfig);
      await serverAndClient(walk, commands[1] ?? "");
    }),
  { skip, timeout: 240_000 },
);

test("docs/learn/first-server.md installs and runs as the README does", () => {
  assertEquals(blockWith(firstServer, "sh", "npm pack"), blockWith("README.md", "sh", "npm pack"));
  assertEquals(blockWith(firstServer, "sh", "npm init"), blockWith("README.md", "sh", "npm init"));
  assertEquals(blockWith(firstServer, "json", "imports"), denoConfig);
  assertStringIncludes(page, bunInstall);
  const own = blockWith(firstServer, "sh", "node server.ts");
  assertEquals(own, blockWith("README.md", "sh", "node server.ts"));
}, { skip });

test(
  "docs/learn/first-server.md and first-client.md print what they say on three runtimes",
  () =>
    walk(async (walk) => {
      await installed(walk);
      for (const command of commands) {
        const { server, port } = await listen(walk, command, echo);
        assertEquals(await talk(walk, command, hello, port), printed);
        assertEquals(await talk(walk, command, firstClient, port), firstOutput);
        const page = await fetch(`http://127.0.0.1:${port}/`);
        assertEquals([page.status, `${await page.text()}\n`], [426, upgradeRequired]);

        const busy = await walk.start(command, echo.replace("8001", port));
        assert(await busy.exit !== 0);
        assertStringIncludes(busy.output(), portInUse.trimEnd().replace("8001", port));
        await server.stop("SIGKILL");
        const alone = command.replace("server.", "client.");
        const lost = await walk.start(alone, firstClient.replace("8001", port));
        assert(await lost.exit !== 0);
        assertStringIncludes(lost.output(), refused.trimEnd().replace("8001", port));
        const wrong = await walk.start(command, echo.replace("port:", "prot:"));
        assert(await wrong.exit !== 0);
        assertStringIncludes(wrong.output(), misspelt.trimEnd());
      }
    }),
  { skip, timeout: 240_000 },
);

test(
  "docs/learn/first-server.md has a room that closes in order on three runtimes",
  () =>
    walk(async (walk) => {
      await installed(walk);
      await writeFile(join(walk.folder, "index.html"), html);
      for (const command of commands) {
        const { server, port } = await listen(walk, command, room);
        assertEquals(await (await fetch(`http://127.0.0.1:${port}/`)).text(), html);
        const url = `ws://127.0.0.1:${port}/room`;
        const [ada, grace] = [await connect(url), await connect(url)];
        await ada.ping();
        await grace.send("Hello");
        assertEquals([await ada.receive(), await grace.receive()], ["Hello", "Hello"]);
        await assertForbidden(url);
        server.signal("SIGINT");
        assertEquals([(await ada.closed).code, (await grace.closed).code], [1001, 1001]);
        assertEquals(await server.exit, 0);
      }
    }),
  { skip, timeout: 240_000 },
);

/** A page that was opened as a file. */
async function assertForbidden(url: string): Promise<void> {
  const error = await connect(url, { headers: { origin: "null" } }).catch((error) => error);
  assertEquals(error.status, 403);
  assertMatch(error.body, /opened as a file/);
}

test(
  "docs/learn/first-server.md has a page that two windows talk through",
  () =>
    walk(async (walk) => {
      await installed(walk);
      await writeFile(join(walk.folder, "index.html"), html);
      const { server, port } = await listen(walk, commands[0] ?? "", room);
      const browser = await launch();
      try {
        const errors: string[] = [];
        const open = () => openPage(browser, `http://127.0.0.1:${port}/`, errors);
        const [ada, grace] = [await open(), await open()];
        for (const [page, text] of [[ada, "Hello"], [grace, "Hello <b>Ada</b>"]] as const) {
          await page.getByRole("textbox", { name: "Message" }).fill(text);
          await page.keyboard.press("Enter");
          for (const window of [ada, grace]) await shows(window, "li", text);
        }
        server.signal("SIGINT");
        for (const window of [ada, grace]) await shows(window, "li", "Closed with 1001");
        // The page has no icon, which a browser asks for.
        assertEquals(errors.filter((error) => !error.includes("404")), []);
      } finally {
        await browser.close();
      }
    }),
  { skip: skip || noBrowser, timeout: 240_000 },
);
