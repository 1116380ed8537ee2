// What an idle connection costs a server, with each preset of compression, on each runtime:
//   node --import tsx bench/memory.ts
//
// A server of its own process for each figure. 1,000 clients exchange 20 messages of 1 KiB of JSON each and stay; the
// growth of the server's resident memory since a warm-up, after garbage collection, is shared out among them.

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type CompressionOptions, connect, serve, type WebSocketConnection } from "@sansocket/ws";

const CONNECTIONS = 1000;
const MESSAGES = 20;

const presets: readonly (boolean | CompressionOptions)[] = [
  false,
  true,
  { contextTakeover: false },
  { windowBits: 15, memoryLevel: 8 },
];

const commands: Readonly<Record<string, readonly [string, ...string[]]>> = {
  node: ["node", "--expose-gc", "--import", "tsx"],
  deno: ["node_modules/deno/deno", "run", "-A", "--no-check", "--v8-flags=--expose-gc"],
  bun: ["node_modules/.bin/bun"],
};

interface Collector {
  gc?: () => void;
  Bun?: { gc(force: boolean): void };
}

/** Resident memory when what is garbage is gone. */
async function settledMemory(): Promise<number> {
  const { gc, Bun } = globalThis as Collector;
  for (let i = 0; i < 5; i++) {
    if (Bun === undefined) gc?.();
    else Bun.gc(true);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().rss;
}

/** The server: its port is its first line, and an ordinary request is answered with its memory. */
async function serveEcho(compression: boolean | CompressionOptions): Promise<void> {
  const server = await serve({
    port: 0,
    compression,
    async fetch(request, { upgrade }) {
      if (new URL(request.url).pathname === "/") {
        return upgrade({ message: (ws, data) => ws.send(data) });
      }
      return new Response(String(await settledMemory()));
    },
  });
  console.log(server.port);
}

function message(connection: number, index: number): string {
  const entries = Array.from({ length: 18 }, (_, i) => {
    const id = connection * 7919 + index * 104_729 + i * 31;
    return { id, name: `user ${id % 997}`, active: id % 3 === 0, score: id % 1009 / 8 };
  });
  return JSON.stringify(entries).slice(0, 1024);
}

async function exchange(url: string, index: number): Promise<WebSocketConnection> {
  const ws = await connect(url, { compression: { threshold: 0 } });
  for (let i = 0; i < MESSAGES; i++) {
    await ws.send(message(index, i));
    await ws.receive();
  }
  return ws;
}

async function openAll(url: string, count: number): Promise<WebSocketConnection[]> {
  const all: WebSocketConnection[] = [];
  while (all.length < count) {
    const batch = Array.from({ length: 50 }, (_, i) => exchange(url, all.length + i));
    all.push(...await Promise.all(batch));
  }
  return all;
}

async function measure(runtime: string, preset: boolean | CompressionOptions): Promise<number> {
  const [executable, ...args] = commands[runtime]!;
  const file = fileURLToPath(import.meta.url);
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const server = spawn(executable, [...args, file, JSON.stringify(preset)], {
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<string>((resolve) =>
    server.stdout.once("data", (line) => resolve(String(line).trim()))
  );
  const url = `http://127.0.0.1:${port}/`;
  const memory = async (): Promise<number> => Number(await (await fetch(`${url}memory`)).text());
  for (const ws of await openAll(url, 100)) await ws.close();
  const before = await memory();
  const connections = await openAll(url, CONNECTIONS);
  const after = await memory();
  for (const ws of connections) ws.terminate();
  server.kill("SIGKILL");
  return (after - before) / CONNECTIONS / 1024;
}

const [preset, ...runtimes] = process.argv.slice(2);
if (preset !== undefined && preset !== "all") {
  await serveEcho(JSON.parse(preset) as boolean | CompressionOptions);
} else {
  for (const runtime of runtimes.length > 0 ? runtimes : Object.keys(commands)) {
    for (const each of presets) {
      const figure = await measure(runtime, each);
      console.log(`${runtime} ${JSON.stringify(each)}: ${figure.toFixed(1)} KiB`);
    }
  }
  process.exit();
}
