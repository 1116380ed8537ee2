// What both packaging tests need: temporary folders, child processes, and the program that is run.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtime } from "../support/test.ts";

/** The repository's top level. */
export const root: string = fileURLToPath(new URL("../../", import.meta.url));

/** Why these tests run on Node only. */
export const skip: string | false = runtime !== "node" &&
  "one runtime suffices: it spawns all three";

/** For tests that may have to build first, on a busy machine. */
export const building: { skip: string | false; timeout: number } = { skip, timeout: 360_000 };

/** Every entry point, by the key that package.json and jsr.json export. */
export const entryPoints: readonly string[] = [
  ".",
  "./core",
  "./node",
  "./deno",
  "./bun",
  "./web",
  "./browser",
  "./testing",
  "./redis",
  "./nats",
  "./broadcast-channel",
];

/** The path of a tool that npm installed. */
export function tool(name: string): string {
  return join(root, "node_modules", ".bin", name);
}

/** Runs `body` with a new folder and removes it afterwards. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "sansocket-"));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a command to its end and returns what it printed; rejects with all of it unless it exits 0. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string>; output?: "stdout" | "stderr" },
): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(options.output === "stderr" ? stderr : stdout);
      const line = [command, ...args].join(" ");
      reject(new Error(`${line} ended with ${code ?? signal}\n${stdout}\n${stderr}`));
    });
  });
}

/** The body of the program that is run wherever the package was installed: one echo, then "echo: hi". */
export const echo = `
  const server = await serve({
    port: 0,
    hostname: "127.0.0.1",
    websocket: async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  });
  const ws = await connect(\`ws://127.0.0.1:\${server.port}/\`);
  await ws.send("hi");
  console.log("echo: " + await ws.receive());
  await ws.close();
  await server.close();
`;

/** The specifier of an entry point of the package called `name`. */
export function specifier(name: string, key: string): string {
  return name + key.slice(1);
}

/** An ES module that runs {@linkcode echo} and then says how each entry point loads. */
export function moduleProgram(name: string): string {
  return `
    import { connect, serve } from "${name}";
    ${echo}
    ${
    entryPoints.map((key) => {
      const from = specifier(name, key);
      return `console.log("${key}: " + (Object.keys(await import("${from}")).length > 0));`;
    }).join("\n")
  }
  `;
}

/** What {@linkcode moduleProgram} prints. */
export const expectedOutput: string = ["echo: hi", ...entryPoints.map((key) => `${key}: true`), ""]
  .join("\n");
