// A real nats-server for tests, alone or three in a cluster, on free ports of 127.0.0.1.
//
// 1. It takes ports that are free, and keeps them over `kill()` and `restart()`.
// 2. `stop()` ends it, also one that is frozen, and removes its folder. One that a test which failed
//    has left is ended with the process.

import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Child, findExecutable, run } from "./process.ts";

/** Debian has it where the PATH of a user need not lead. */
const executable: string | undefined = findExecutable(["nats-server"]) ??
  ["/usr/sbin/nats-server"].find((path) => existsSync(path));

/** Why tests of NATS cannot run here; false when they can. */
export const withoutNats: string | false = executable === undefined &&
  "nats-server is not installed";

/** A server that runs. */
export interface NatsServer extends AsyncDisposable {
  /** Where clients connect: "127.0.0.1:4222". */
  readonly address: string;
  /** Where other servers of its cluster connect. */
  readonly route: string;
  /** All that it has logged. */
  log(): string;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again, on the same ports. */
  restart(): Promise<void>;
  /** Forgets what JetStream keeps, while the server is ended. */
  loseData(): Promise<void>;
  /** Stops its processes in mid-air: the kernel takes what is sent, and nothing answers. */
  freeze(): Promise<void>;
  /** Ends that. */
  thaw(): void;
  /** Has it read its configuration anew; resolves once it has. */
  configure(config: string): Promise<void>;
  /** Asks its monitor, such as for "connz". */
  monitor(what: string): Promise<unknown>;
  /** Ends it for good. */
  stop(): Promise<void>;
}

/** How a server is started. */
export interface NatsServerOptions {
  /** More lines of its configuration, such as `max_pending: 65536`. */
  readonly config?: string;
  /** Whether JetStream is on, with a folder of its own. Default: no. */
  readonly jetStream?: boolean;
  /** The name of its cluster, and the addresses of others in it. */
  readonly cluster?: { readonly name: string; readonly routes: readonly string[] };
}

interface Ports {
  readonly nats: readonly string[];
  readonly monitoring: readonly string[];
  readonly cluster?: readonly string[];
}

/**
 * Starts a server.
 *
 * @param options Its configuration. Default: an open server alone.
 * @returns The server, once it is ready.
 */
export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), "sansocket-nats-"));
  const file = join(folder, "server.conf");
  const { cluster, jetStream } = options;
  const store = join(folder, "jetstream");
  let child: Child;
  let config = options.config ?? "";
  let ports: Ports | undefined;
  let listening: readonly string[] = [];
  const port = (kind: keyof Ports): string => hostAndPort(ports?.[kind]?.[0]).split(":")[1] ?? "-1";

  const end = (): void => child.signal("SIGKILL");
  const ended = async (): Promise<void> => {
    process.off("exit", end);
    await child.stop("SIGKILL");
  };
  const stop = async (): Promise<void> => {
    await ended();
    await rm(folder, { recursive: true, force: true });
  };
  async function start(): Promise<void> {
    const lines = [`host: 127.0.0.1`, `port: ${port("nats")}`];
    lines.push(`http: "127.0.0.1:${port("monitoring")}"`, `ports_file_dir: "${folder}"`);
    if (jetStream) lines.push(`jetstream { store_dir: "${store}" }`);
    if (cluster !== undefined) {
      const routes = cluster.routes.map((route) => `"nats://${route}"`).join();
      const listen = `127.0.0.1:${port("cluster")}`;
      lines.push(`cluster { name: ${cluster.name}, listen: "${listen}", routes: [${routes}] }`);
    }
    listening = lines;
    await writeFile(file, [...listening, config, ""].join("\n"));
    child = run([executable ?? "nats-server", "--config", file]);
    process.once("exit", end);
    await child.waitFor(/Server is ready/);
    ports ??= await readPorts(folder);
  }
  await start();

  return {
    get address() {
      return hostAndPort(ports?.nats[0]);
    },
    get route() {
      return hostAndPort(ports?.cluster?.[0]);
    },
    log: () => child.output(),
    kill: ended,
    restart: start,
    loseData: () => rm(store, { recursive: true, force: true }),
    freeze: () => child.freeze(),
    thaw: () => child.signal("SIGCONT"),
    async configure(text) {
      config = text;
      // It may not change where it listens, not even from any port to that which it has.
      await writeFile(file, [...listening, config, ""].join("\n"));
      const before = child.output().length;
      child.signal("SIGHUP");
      while (!/Reloaded server configuration/.test(child.output().slice(before))) {
        await child.changed();
      }
    },
    async monitor(what) {
      const response = await fetch(`http://${hostAndPort(ports?.monitoring[0])}/${what}`);
      return await response.json();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * Starts three servers that are one cluster.
 *
 * @returns The servers, once each has a route to both others.
 */
export async function startNatsCluster(): Promise<readonly NatsServer[]> {
  const name = "tests";
  const first = await startNats({ cluster: { name, routes: [] } });
  const cluster = { name, routes: [first.route] };
  const servers = [first, await startNats({ cluster }), await startNats({ cluster })];
  await routed(servers);
  return servers;
}

/** Resolves once each of the servers has a route to all others. */
export async function routed(servers: readonly NatsServer[]): Promise<void> {
  for (const server of servers) {
    for (;;) {
      const { num_routes: routes } = await server.monitor("routez") as { num_routes: number };
      if (routes >= servers.length - 1) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** The server writes which ports it has taken, a little before or after it says that it is ready. */
async function readPorts(folder: string): Promise<Ports> {
  for (;;) {
    const file = (await readdir(folder)).find((name) => name.endsWith(".ports"));
    const text = file === undefined ? "" : await readFile(join(folder, file), "utf8");
    if (text.trimEnd().endsWith("}")) return JSON.parse(text) as Ports;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function hostAndPort(url = ""): string {
  return url.replace(/^\w+:\/\//, "");
}
