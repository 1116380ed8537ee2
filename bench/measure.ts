// A server and a generator, or a client and a server for it, all fresh, and then one window for each turn.

import { createDevelopmentCertificate } from "../src/transport/certificate.ts";
import { Child } from "./child.ts";
import type { Counts, Job } from "./job.ts";
import { busySeconds, cpuSeconds, hasProc } from "./proc.ts";
import type { Cell, Run } from "./results.ts";
import { type Bundle, commandOf, executableOf, pinned, pins } from "./runtimes.ts";
import { measuresClient, type Scenario } from "./scenarios.ts";
import type { Subject } from "./servers.ts";

/** How long a start and each turn take, in seconds. */
export interface Timing {
  readonly warmup: number;
  readonly seconds: number;
}

/** A run that knows nothing of rounds. */
export type Figures = Omit<Run, keyof Cell>;

/** How long a process may take to start. */
const START = 20;

/**
 * Handshakes come a tenth as often as messages, so an engine compiles what they need later. On Bun ours took 114 µs after
 * 0.7 s of them, 51 after 2 s, and after 4 s the same.
 */
const SLOW_WARM_UP = 4;

/**
 * How long all is idle before memory is read, at both ends: collectors let go of what it took to open connections in their
 * own time. Bun's came after 1 to 12 s, and ours went from 3.9 to 2.8 KB with it (`Bun.serve`: 1.6 from the start). Node's
 * comes after 8 s: what it had not let go of at the beginning made ours 2.6 KB in place of 7.3 in two of three starts.
 */
const IDLE_SECONDS = 12;

/** How long the generator may take besides warm-up and window: 10,000 connections have to open. */
const MARGIN = 60;

/** The server that clients are measured against: the fastest that there is on every machine. */
const FIXED_SERVER = "peers/bun_serve.mjs";

/** Of large messages there are few in a turn, and they come in bursts: it is so many times as long. */
const LARGE_TURN = 3;
const LARGE = 1 << 20;

/** What a turn begins with, in seconds: caches and queues fill, and each connection has had its turn. */
function runInOf({ mode, connections }: Scenario): number {
  return mode === "idle" ? 0 : 0.1 + connections * 50e-6;
}

/** A subject that is up and warm, and measured when it is its turn. */
export interface Stage extends AsyncDisposable {
  /** Measures for as long as the timing says. */
  measure(): Promise<Figures>;
}

/** Starts a subject in a scenario, and warms it up. */
export async function prepare(
  subject: Subject,
  scenario: Scenario,
  { seconds, warmup }: Timing,
  bundle: Bundle,
): Promise<Stage> {
  const { mode, size } = scenario;
  const turn = size >= LARGE ? seconds * LARGE_TURN : seconds;
  const slow = mode === "connect" || mode === "client-connect";
  const timing = {
    seconds: mode === "idle" ? Math.max(seconds, IDLE_SECONDS) : turn,
    warmup: warmup * (slow ? SLOW_WARM_UP : 1),
  };
  const stage = measuresClient(scenario)
    ? new ClientStage(subject, scenario, timing)
    : new ServerStage(subject, scenario, timing);
  try {
    await stage.start(bundle);
    return stage;
  } catch (error) {
    await stage[Symbol.asyncDispose]();
    throw error;
  }
}

/** Two processes, of which one is measured. */
abstract class Pair implements Stage {
  protected readonly subject: Subject;
  protected readonly scenario: Scenario;
  protected readonly timing: Timing;
  protected readonly children: Child[] = [];

  constructor(subject: Subject, scenario: Scenario, timing: Timing) {
    this.subject = subject;
    this.scenario = scenario;
    this.timing = timing;
  }

  abstract start(bundle: Bundle): Promise<void>;

  abstract measure(): Promise<Figures>;

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.children.reverse()) await child[Symbol.asyncDispose]();
  }
}

/** A server, and the generator that loads it. */
class ServerStage extends Pair {
  override async start(bundle: Bundle): Promise<void> {
    const { name, runtime, environment, servers } = this.subject;
    const { compressed, mode, shape } = this.scenario;
    const [program, ...own] = servers[shape]!;
    const args = [
      ...own,
      ...(compressed ? ["--compression"] : []),
      ...(mode === "broadcast" ? ["--broadcast"] : []),
    ];
    const command = commandOf(runtime, bundle.path(program), args);
    const more = shape === "tls" ? await certificate() : {};
    const server = new Child(name, pinned("server", command), { ...environment, ...more });
    this.children.push(server);
    const { port } = await server.next("listening", START);
    const job = createJob(this.subject, this.scenario, this.timing, port, server.pid);
    const load = [executableOf("bun")!, bundle.path("generator/main.ts"), JSON.stringify(job)];
    const generator = new Child("The generator", pinned("generator", load));
    this.children.push(generator);
    await generator.next("ready", MARGIN + job.warmup);
  }

  override async measure(): Promise<Figures> {
    const [server, generator] = this.children as [Child, Child];
    generator.say("turn");
    await generator.next("begin", MARGIN);
    const before = await usage(server);
    const counts = await generator.next("end", MARGIN + this.timing.seconds);
    const after = await usage(server);
    return figures({ cpu: after - before, ...counts });
  }
}

/** A client, and the server that answers it. */
class ClientStage extends Pair {
  override async start(bundle: Bundle): Promise<void> {
    const { name, runtime, engine, environment, client: which } = this.subject;
    const fixed = commandOf("bun", bundle.path(FIXED_SERVER), []);
    const server = new Child("The fixed server", pinned("generator", fixed));
    this.children.push(server);
    const { port } = await server.next("listening", START);
    const job = createJob(this.subject, this.scenario, this.timing, port, 0);
    const file = engine === "ours" ? "ours/client.mjs" : "peers/client.mjs";
    const command = commandOf(runtime, bundle.path(file), [which!, JSON.stringify(job)]);
    const client = new Child(name, pinned("server", command), environment);
    this.children.push(client);
    await client.next("ready", MARGIN + job.warmup);
  }

  override async measure(): Promise<Figures> {
    const [server, client] = this.children as [Child, Child];
    client.say("turn");
    await client.next("begin", MARGIN);
    const read = (): readonly [number, number] => [
      hasProc ? cpuSeconds(server.pid) : 0,
      hasProc && pins !== undefined ? busySeconds(pins.server) : 0,
    ];
    const before = read();
    const counts = await client.next("end", MARGIN + this.timing.seconds);
    const [served, busy] = read().map((value, i) => (value - before[i]!) / counts.seconds);
    const foreign = Math.max(0, busy! - counts.cpu! / counts.seconds);
    return figures({ cpu: 0, ...counts, busy: served!, ...(busy! > 0 && { foreign }) });
  }
}

let made: ReturnType<typeof createDevelopmentCertificate> | undefined;

/** The certificate of all servers, as their environment has it. */
async function certificate(): Promise<Record<string, string>> {
  const { cert, key } = await (made ??= createDevelopmentCertificate());
  return { BENCH_CERTIFICATE: cert, BENCH_KEY: key };
}

/** What a server says of its CPU time, where the generator cannot read it. */
async function usage(server: Child): Promise<number> {
  if (hasProc) return 0;
  server.say("usage");
  return (await server.next("usage", START)).cpu;
}

function createJob(
  { engine }: Subject,
  scenario: Scenario,
  timing: Timing,
  port: number,
  pid: number,
): Job {
  const runIn = runInOf(scenario);
  return { scenario, raw: engine === "raw", port, pid, cpu: pins?.server, runIn, ...timing };
}

function figures(counts: Counts & { readonly cpu: number }): Figures {
  const { count, seconds, cpu, p50, p99, busy, foreign, bytes } = counts;
  if (count === 0) throw new Error("Nothing came back in the measured window");
  return {
    cpu: bytes === undefined ? cpu * 1e6 / count : 0,
    rate: count / seconds,
    p50,
    p99,
    generator: busy,
    ...(foreign !== undefined && { foreign }),
    ...(bytes !== undefined && { bytes }),
  };
}
