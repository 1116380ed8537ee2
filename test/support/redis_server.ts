// A real redis-server for a test: on a free port of 127.0.0.1, in a folder of its own, ended by it.
//
// 1. It writes nothing to disk but its log, and goes with the folder.
// 2. It has started when it answers PING. One that comes back has the same port.
// 3. Whoever starts one ends it: `await using redis = await startRedis()`.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findExecutable, freeze } from "./process.ts";

const executable = findExecutable(["redis-server"]);

/** Why tests with Redis cannot run here. */
export const redisSkip: string | false = executable === undefined &&
  "redis-server is not installed: apt-get install redis-server";

/** How long a server may take for what it has to do. */
const PATIENCE = 10_000;

/** A server. */
export interface RedisServer extends AsyncDisposable {
  /** The port. */
  readonly port: number;
  /** For clients. */
  readonly url: string;
  /** Sends a command, on a connection of its own, and returns the lines of the answer. */
  command(...args: string[]): Promise<string>;
  /** Sends a command again and again, until the answer is of this form. */
  until(pattern: RegExp, ...args: string[]): Promise<void>;
  /** Kills it. */
  kill(): Promise<void>;
  /** Starts it again, on the same port. */
  restart(): Promise<void>;
  /** Freezes it; its connections stay. */
  freeze(): Promise<void>;
  /** Lets it go on. */
  thaw(): void;
  /** Ends it, and removes its folder. */
  stop(): Promise<void>;
}

/**
 * Starts a server.
 *
 * @param args More of its command line, such as `--cluster-enabled`, `yes`.
 * @returns The server.
 */
export async function startRedis(...args: string[]): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "sansocket-redis-"));
  const port = await freePort();
  let child: ChildProcess | undefined;
  let gone: Promise<unknown> = Promise.resolve();

  const start = async (): Promise<void> => {
    const line = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    // A replica otherwise waits 5 s for others.
    line.push("--repl-diskless-sync-delay", "0");
    const files = ["--dir", folder, "--logfile", join(folder, "log")];
    const started = spawn(executable!, [...line, ...files, ...args], { stdio: "ignore" });
    child = started;
    gone = new Promise((resolve) => started.once("exit", resolve).once("error", resolve))
      .then(() => child = undefined);
    await until(/PONG/, "PING");
  };
  const until = async (pattern: RegExp, ...command: string[]): Promise<void> => {
    const late = performance.now() + PATIENCE;
    for (let answer = "none"; !pattern.test(answer);) {
      answer = await send(port, command).catch(String);
      if (child !== undefined && performance.now() < late) continue;
      const log = await readFile(join(folder, "log"), "utf8").catch(() => "no log");
      throw new Error(`redis-server on port ${port} answers ${command} by ${answer}:\n${log}`);
    }
  };
  const kill = async (): Promise<void> => {
    signal(child, "SIGKILL");
    await gone;
  };

  const stop = async (): Promise<void> => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };

  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    command: (...command) => send(port, command),
    until,
    kill,
    restart: start,
    async freeze() {
      if (child?.pid !== undefined) await freeze(child.pid);
    },
    thaw: () => signal(child, "SIGCONT"),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function signal(child: ChildProcess | undefined, name: NodeJS.Signals): void {
  // Not `child.kill()`: on Deno that marks the child as ended.
  if (child?.pid !== undefined) process.kill(child.pid, name);
}

/** Takes connections, and leads each to the port that is named then; 0 is one that says nothing. */
export async function startProxy(
  route: (count: number) => number,
): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((from) => {
    sockets.add(from);
    from.on("error", () => {}).on("close", () => sockets.delete(from));
    const port = route(count++);
    if (port === 0) return void from.resume();
    const to = connect(port, "127.0.0.1");
    sockets.add(to);
    to.on("error", () => {}).on("close", () => {
      sockets.delete(to);
      from.destroy();
    });
    from.on("close", () => to.destroy());
    from.pipe(to).pipe(from);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Sends one command and returns the answer as it is, once the server has nothing more to say. */
function send(port: number, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.setEncoding("utf8").on("data", (text) => answer += String(text));
    socket.on("error", reject).on("close", () => resolve(answer.replace(/\+OK\r\n$/, "")));
    const line = (words: readonly string[]): string =>
      `*${words.length}\r\n` +
      words.map((word) => `$${new TextEncoder().encode(word).length}\r\n${word}\r\n`).join("");
    socket.write(line(args) + line(["QUIT"]));
  });
}
