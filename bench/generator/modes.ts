// What the generator can do to a server. All are closed loops: a message is sent when one has come back.

import type { Job } from "../job.ts";
import { residentBytes } from "../proc.ts";
import { Connection, type Driver } from "./connection.ts";
import { openAll } from "./open.ts";
import type { Trains } from "./train.ts";
import { sleep, Window } from "./window.ts";

type Run = (job: Job, trains: Trains, failed: (error: Error) => void) => Promise<void>;

const ignore = (): void => {};

/** Each connection has `depth` messages in flight. */
export const echo: Run = async (job, trains, failed) => {
  const { connections, depth } = job.scenario;
  const window = new Window(job);
  let now = 0;
  const record = (sentAt: number, count: number): void => window.latency.add(now - sentAt, count);
  const driver = {
    replied(connection: Connection, messages: number, at: number): void {
      now = at;
      connection.settle(messages, window.open ? record : ignore);
      window.add(messages);
      connection.send(messages, at);
    },
    ended: ignore,
    failed,
  };
  const all = await openAll(job, trains, connections, driver);
  for (const connection of all) connection.send(depth, performance.now());
  await sleep(job.warmup);
  await window.measure();
};

/** One connection sends, all receive; at most `depth` messages have not reached everybody. */
export const broadcast: Run = async (job, trains, failed) => {
  const { connections, depth } = job.scenario;
  const window = new Window(job);
  /** When the messages in flight were sent, in a ring. */
  const sentAt = new Float64Array(depth * 2 + 1);
  let sent = 0;
  let delivered = 0;
  let all: readonly Connection[] = [];
  const pump = (now: number): void => {
    const reached = Math.floor(delivered / connections);
    const messages = Math.min(reached + depth - sent, depth);
    if (messages <= 0) return;
    for (let i = 0; i < messages; i++) sentAt[(sent + i) % sentAt.length] = now;
    sent += messages;
    const sender = all[0]!;
    sender.send(messages, now);
    sender.settle(messages, ignore);
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
      pump(now);
    },
    ended: ignore,
    failed,
  };
  all = await openAll(job, trains, connections, driver);
  // A server may add a connection to its topic after it has answered the handshake.
  await sleep(0.2);
  pump(performance.now());
  await sleep(job.warmup);
  await window.measure();
};

/** Connects, closes, and begins again. */
export const connect: Run = async (job, trains, failed) => {
  const window = new Window(job);
  const again = (): void => void new Connection(job, trains, driver);
  const driver: Driver = {
    opened(connection) {
      if (window.open) window.latency.add(performance.now() - connection.started);
      connection.close();
    },
    replied: ignore,
    ended() {
      window.add(1);
      again();
    },
    failed,
  };
  for (let i = 0; i < job.scenario.connections; i++) again();
  await sleep(job.warmup);
  await window.measure();
};

/** So many connections, each used once: what they cost the server's memory. */
export const idle: Run = async (job, trains, failed) => {
  const { connections } = job.scenario;
  let waiting = 0;
  let settled = ignore;
  const driver = {
    replied(connection: Connection, messages: number): void {
      connection.settle(messages, ignore);
      waiting -= messages;
      if (waiting === 0) settled();
    },
    ended: ignore,
    failed,
  };
  const touch = async (all: readonly Connection[]): Promise<void> => {
    waiting = all.length;
    const done = new Promise<void>((resolve) => settled = resolve);
    for (const connection of all) connection.send(1, performance.now());
    await done;
  };
  // A first wave fills pools and compiles code, and goes away.
  const wave = await openAll(job, trains, Math.min(connections, 256), driver);
  await touch(wave);
  for (const connection of wave) connection.drop();
  await sleep(job.warmup);
  const before = residentBytes(job.pid);
  const all = await openAll(job, trains, connections, driver);
  await touch(all);
  const window = new Window(job);
  window.count = connections;
  await window.measure(() => ({ bytes: (residentBytes(job.pid) - before) / connections }));
};
