// What the generator can do to a server. All are closed loops: a message is sent when one has come back.

import type { Counts, Job } from "../job.ts";
import { residentBytes } from "../proc.ts";
import { Connection, type Driver } from "./connection.ts";
import { openAll } from "./open.ts";
import { PageConnection } from "./page.ts";
import type { Trains } from "./train.ts";
import { sleep, type Window } from "./window.ts";

/** A load on a server that is warm. */
interface Load {
  start(): Promise<void> | void;
  /** Sends nothing more, and waits for what is in flight. */
  stop(): Promise<void>;
  /** What is known besides what the window counts. */
  more?(): Partial<Counts>;
}

type Run = (
  job: Job,
  trains: Trains,
  window: Window,
  failed: (error: Error) => void,
) => Promise<Load>;

const ignore = (): void => {};

/** Knows whether a load runs, and whether all that was in flight has come back. */
class Gate {
  running = false;
  inFlight = 0;
  #settled = ignore;

  /** So many have come back. */
  settle(units: number): void {
    this.inFlight -= units;
    if (this.inFlight === 0) this.#settled();
  }

  async stop(): Promise<void> {
    this.running = false;
    if (this.inFlight > 0) await new Promise<void>((resolve) => this.#settled = resolve);
    this.#settled = ignore;
  }
}

async function warmedUp(load: Load, { warmup }: Job): Promise<Load> {
  await load.start();
  await sleep(warmup);
  await load.stop();
  return load;
}

/** Each connection has `depth` messages in flight. */
export const echo: Run = async (job, trains, window, failed) => {
  const { connections, depth } = job.scenario;
  const gate = new Gate();
  let now = 0;
  const record = (sentAt: number, count: number): void => window.latency.add(now - sentAt, count);
  const driver = {
    replied(connection: Connection, messages: number, at: number): void {
      now = at;
      connection.settle(messages, window.open ? record : ignore);
      window.add(messages);
      if (gate.running) connection.send(messages, at);
      else gate.settle(messages);
    },
    ended: ignore,
    failed,
  };
  const all = await openAll(job, trains, connections, driver);
  return warmedUp({
    start() {
      gate.running = true;
      gate.inFlight = connections * depth;
      for (const connection of all) connection.send(depth, performance.now());
    },
    stop: () => gate.stop(),
  }, job);
};

/** Some connections send in turn, all receive; at most `depth` messages have not reached everybody. */
export const broadcast: Run = async (job, trains, window, failed) => {
  const { connections, depth, senders } = job.scenario;
  const gate = new Gate();
  /** When the messages in flight were sent, in a ring. */
  const sentAt = new Float64Array(depth * 2 + 1);
  let sent = 0;
  let delivered = 0;
  let all: readonly Connection[] = [];
  const pump = (now: number): void => {
    const reached = Math.floor(delivered / connections);
    const messages = Math.min(reached + depth - sent, depth);
    if (messages <= 0 || !gate.running) return;
    for (let i = 0; i < messages; i++) sentAt[(sent + i) % sentAt.length] = now;
    gate.inFlight += messages * connections;
    // What one connection sends at once leaves in one write.
    const share = senders > 1 ? 1 : messages;
    for (let i = 0; i < messages; i += share) {
      const sender = all[(sent + i) % senders]!;
      sender.send(share, now);
      sender.settle(share, ignore);
    }
    sent += messages;
  };
  const driver = {
    replied(connection: Connection, messages: number, now: number): void {
      if (connection.messages > sent) return failed(new Error("More deliveries than broadcasts"));
      if (window.open) {
        for (let i = connection.messages - messages; i < connection.messages; i++) {
          window.latency.add(now - sentAt[i % sentAt.length]!);
        }
      }
      window.add(messages);
      delivered += messages;
      gate.settle(messages);
      pump(now);
    },
    ended: ignore,
    failed,
  };
  all = await openAll(job, trains, connections, driver);
  // A server may add a connection to its topic after it has answered the handshake.
  await sleep(0.2);
  return warmedUp({
    start() {
      gate.running = true;
      pump(performance.now());
    },
    stop: () => gate.stop(),
  }, job);
};

/** Connects, closes, and begins again. */
export const connect: Run = (job, trains, window, failed) => {
  const gate = new Gate();
  const again = (): void => {
    gate.inFlight++;
    new Connection(job, trains, driver);
  };
  const driver: Driver = {
    opened(connection) {
      if (window.open) window.latency.add(performance.now() - connection.started);
      connection.close();
    },
    replied: ignore,
    ended() {
      window.add(1);
      if (gate.running) again();
      gate.settle(1);
    },
    failed,
  };
  return warmedUp({
    start() {
      gate.running = true;
      for (let i = 0; i < job.scenario.connections; i++) again();
    },
    stop: () => gate.stop(),
  }, job);
};

/** Each connection asks for a page when it has got one. */
export const get: Run = async (job, _, window, failed) => {
  const { connections, size } = job.scenario;
  const gate = new Gate();
  const all: PageConnection[] = [];
  await new Promise<void>((resolve) => {
    let open = 0;
    const driver = {
      opened(): void {
        if (++open === connections) resolve();
      },
      answered(connection: PageConnection): void {
        if (window.open) window.latency.add(performance.now() - connection.sentAt);
        window.add(1);
        if (gate.running) connection.ask();
        else gate.settle(1);
      },
      failed,
    };
    for (let i = 0; i < connections; i++) all.push(new PageConnection(job.port, size, driver));
  });
  return warmedUp({
    start() {
      gate.running = true;
      gate.inFlight = connections;
      for (const connection of all) connection.ask();
    },
    stop: () => gate.stop(),
  }, job);
};

/** So many connections, each used once: what they cost the server's memory. One turn only: memory does not come back. */
export const idle: Run = async (job, trains, window, failed) => {
  const { connections } = job.scenario;
  const gate = new Gate();
  const driver = {
    replied(connection: Connection, messages: number): void {
      connection.settle(messages, ignore);
      gate.settle(messages);
    },
    ended: ignore,
    failed,
  };
  const open = async (count: number): Promise<readonly Connection[]> => {
    const all = await openAll(job, trains, count, driver);
    gate.inFlight = all.length;
    for (const connection of all) connection.send(1, performance.now());
    await gate.stop();
    return all;
  };
  // A first wave fills pools and compiles code, goes away, and leaves the collector as much time as what is measured.
  for (const connection of await open(Math.min(connections, 256))) connection.drop();
  await sleep(job.seconds);
  const before = residentBytes(job.pid);
  return {
    async start() {
      await open(connections);
      window.count = connections;
    },
    more: () => ({ bytes: (residentBytes(job.pid) - before) / connections }),
    stop: () => Promise.resolve(),
  };
};
