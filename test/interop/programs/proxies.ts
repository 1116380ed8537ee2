// Proxies of Debian for a test: each on a free port of 127.0.0.1, with its files in a folder of its
// own, ended by it.
//
// 1. They speak HTTP (tinyproxy, squid) and SOCKS5 (microsocks). haproxy ends TLS in front of one.
//    nginx, caddy and haproxy are also reverse proxies, by the files of docs/deploy.md.
// 2. One has started when it takes connections.

import { createDevelopmentCertificate } from "@sansocket/ws";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findExecutable, run } from "../../support/process.ts";
import { freePort } from "../../support/redis_server.ts";

/** A program. */
export type Program = "tinyproxy" | "squid" | "microsocks" | "haproxy" | "nginx" | "caddy";

/** Where Debian has them. */
const programs: Readonly<Record<Program, string | undefined>> = {
  tinyproxy: find("tinyproxy"),
  squid: find("squid"),
  microsocks: find("microsocks"),
  haproxy: find("haproxy"),
  nginx: find("nginx"),
  caddy: find("caddy"),
};

function find(name: string): string | undefined {
  return findExecutable([name]) ?? [`/usr/sbin/${name}`].find((path) => existsSync(path));
}

/** Why tests with some programs cannot run here. */
export function missing(...names: readonly Program[]): string | false {
  const absent = names.filter((name) => programs[name] === undefined);
  return absent.length > 0 && `not installed: apt-get install ${absent.join(" ")}`;
}

/** A running proxy. */
export interface RunningProxy extends AsyncDisposable {
  /** Its port. */
  readonly port: number;
}

/** Starts tinyproxy, perhaps with a user name and a password. */
export function startTinyproxy(username?: string, password?: string): Promise<RunningProxy> {
  return startProgram("tinyproxy", async (folder, port) => {
    const lines = [`Port ${port}`, "Listen 127.0.0.1", "Timeout 600", "MaxClients 100"];
    lines.push("LogLevel Warning", "Allow 127.0.0.1");
    if (username !== undefined) lines.push(`BasicAuth ${username} ${password}`);
    const file = join(folder, "tinyproxy.conf");
    await writeFile(file, lines.join("\n") + "\n");
    return ["-d", "-c", file];
  });
}

/** Starts squid, which leads to any port. */
export function startSquid(): Promise<RunningProxy> {
  return startProgram("squid", async (folder, port) => {
    // As root it runs as another user.
    await chmod(folder, 0o777);
    const lines = [`http_port 127.0.0.1:${port}`, "http_access allow all", "access_log none"];
    lines.push("cache deny all", "cache_mem 0", "memory_cache_shared off", "pid_filename none");
    lines.push(
      `cache_log ${join(folder, "cache.log")}`,
      `coredump_dir ${folder}`,
      "netdb_filename none",
    );
    lines.push("shutdown_lifetime 0 seconds", "visible_hostname localhost", "pinger_enable off");
    const file = join(folder, "squid.conf");
    await writeFile(file, lines.join("\n") + "\n");
    return ["-N", "-f", file];
  });
}

/** Starts microsocks, perhaps with a user name and a password. */
export function startMicrosocks(username?: string, password?: string): Promise<RunningProxy> {
  return startProgram("microsocks", (_folder, port) => {
    const credentials = username === undefined ? [] : ["-u", username, "-P", password!];
    return Promise.resolve(["-i", "127.0.0.1", "-p", `${port}`, ...credentials]);
  });
}

/** Starts haproxy, which ends TLS in front of a port, and the certificate to trust. */
export async function startTlsEnd(to: number): Promise<RunningProxy & { readonly ca: string }> {
  const { cert, key } = await createDevelopmentCertificate();
  const running = await startProgram("haproxy", async (folder, port) => {
    const pem = join(folder, "both.pem");
    const file = join(folder, "haproxy.cfg");
    await writeFile(pem, cert + key);
    const lines = ["defaults", "  mode tcp", "  timeout connect 5s", "  timeout client 60s"];
    lines.push("  timeout server 60s", "listen proxy", `  bind 127.0.0.1:${port} ssl crt ${pem}`);
    lines.push(`  server proxy 127.0.0.1:${to}`);
    await writeFile(file, lines.join("\n") + "\n");
    return ["-db", "-f", file];
  });
  return { ...running, ca: cert };
}

/**
 * Starts a program.
 *
 * @param name The program.
 * @param configure Writes what it needs to a folder, and returns its command line.
 */
export async function startProgram(
  name: Program,
  configure: (folder: string, port: number) => Promise<string[]>,
): Promise<RunningProxy> {
  const folder = await mkdtemp(join(tmpdir(), `sansocket-${name}-`));
  const port = await freePort();
  // caddy writes down its configuration, in the home of the user by default.
  const program = ["env", `XDG_CONFIG_HOME=${folder}`, programs[name] ?? name];
  const child = run([...program, ...await configure(folder, port)]);
  const stop = async (): Promise<void> => {
    await child.stop("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  const late = performance.now() + 20_000;
  while (!await takesConnections(port)) {
    if (!child.ended() && performance.now() < late) continue;
    await stop();
    throw new Error(`${name} takes no connections on port ${port}:\n${child.output()}`);
  }
  return { port, [Symbol.asyncDispose]: stop };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (taken: boolean) => {
      socket.destroy();
      // Refused at once: a turn for the others.
      if (taken) resolve(true);
      else setTimeout(() => resolve(false), 5);
    };
    socket.on("connect", () => end(true)).on("error", () => end(false));
  });
}
