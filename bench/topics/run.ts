// `npm run bench:topics`: what a message costs that comes through a broker, and how long it takes.
//
//   npm run build && npm run bench:topics                 Redis and NATS, as Debian has them
//   npm run bench:topics -- --rounds 3 --seconds 1        a quick look
//   npm run bench:topics -- --only history                what history adds
//
// 1. CPU time for each delivery, of a process whose connections are all subscribed: published there without a
//    backplane, and published in another process. In turns; the figure is the median of the ratios.
// 2. The same with history, as a ratio to the same broker without.
// 3. Time from publish() in one process to the listener in each of the others.

import { type ChildProcess, fork } from "node:child_process";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startNats } from "../../test/support/nats_server.ts";
import { startRedis } from "../../test/support/redis_server.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    seconds: { type: "string" },
    only: { type: "string" },
  },
});
const rounds = Number(values.rounds ?? 7);
const seconds = Number(values.seconds ?? 3);

const SIZE = 128;
const FRAME = SIZE + 4;

class Server {
  readonly child: ChildProcess;
  readonly #calls = new Map<number, (result: unknown) => void>();
  #id = 0;

  constructor(kind: string, broker: number, history = "") {
    const file = fileURLToPath(new URL("process.mjs", import.meta.url));
    this.child = fork(file, [kind, `${broker}`, history], { execArgv: [] });
    this.child.on("message", ({ id, result }: { id: number; result: unknown }) => {
      this.#calls.get(id)?.(result);
      this.#calls.delete(id);
    });
  }

  port(): Promise<number> {
    return new Promise((resolve) =>
      this.child.once("message", (message: { port: number }) => resolve(message.port))
    );
  }

  /** Ends it, and waits until it has ended by itself. */
  end(): Promise<unknown> {
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.send({ command: "end" });
    return gone;
  }

  call<Result>(command: string, argument?: unknown): Promise<Result> {
    return new Promise((resolve) => {
      this.#calls.set(++this.#id, (result) => resolve(result as Result));
      this.child.send({ id: this.#id, command, argument });
    });
  }
}

/** Connections that count what comes. */
class Readers {
  octets = 0;
  readonly #sockets: Socket[] = [];
  #until = Infinity;
  #done = (): void => {};

  async open(port: number, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await new Promise<void>((resolve, reject) => {
        const socket = connect(port, "127.0.0.1");
        socket.once("error", reject);
        socket.once("data", () => {
          socket.on("data", (data) => {
            this.octets += data.length;
            if (this.octets >= this.#until) this.#done();
          });
          resolve();
        });
        socket.write(
          "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        );
        this.#sockets.push(socket);
      });
    }
  }

  /** Waits for so many octets more. */
  take(octets: number): Promise<void> {
    this.#until = this.octets + octets;
    return new Promise((resolve) => this.#done = resolve);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

const median = (list: readonly number[]): number => {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
};

/** Microseconds of CPU for a delivery in `to`, published by `from`. */
async function cost(
  from: Server,
  to: Server,
  readers: Readers,
  count: number,
  burst: number,
): Promise<number> {
  const messages = Math.round(seconds * 200) * burst;
  const arrived = readers.take(messages * count * FRAME);
  const before = await to.call<{ cpu: number; missed: number }>("usage");
  await from.call("publish", { count: messages, burst, size: SIZE });
  await arrived;
  const after = await to.call<{ cpu: number; missed: number }>("usage");
  if (after.missed > before.missed) throw new Error(`${after.missed} messages were missed`);
  return (after.cpu - before.cpu) / (messages * count);
}

async function deliveries(
  kind: string,
  broker: number,
  count: number,
  burst: number,
): Promise<string> {
  const local = new Server("none", 0);
  const publisher = new Server(kind, broker);
  const receiver = new Server(kind, broker);
  const alone = new Server(kind, broker);
  const [here, , there, both] = await Promise.all(
    [local, publisher, receiver, alone].map((server) => server.port()),
  );
  const [localReaders, readers, bothReaders] = [new Readers(), new Readers(), new Readers()];
  await localReaders.open(here!, count);
  await readers.open(there!, count);
  const ratios: number[] = [];
  const costs: number[] = [];
  const own: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = await cost(local, local, localReaders, count, burst);
    const after = await cost(publisher, receiver, readers, count, burst);
    if (round === 0) continue;
    ratios.push(after / before);
    costs.push(before);
  }
  readers.close();
  await bothReaders.open(both!, count);
  for (let round = 0; round <= rounds; round++) {
    const before = await cost(local, local, localReaders, count, burst);
    const after = await cost(alone, alone, bothReaders, count, burst);
    if (round > 0) own.push(after / before);
  }
  localReaders.close();
  bothReaders.close();
  await Promise.all([local, publisher, receiver, alone].map((server) => server.end()));
  const lowest = Math.min(...ratios).toFixed(2);
  return `${kind}, ${count} subscribers, ${burst} every 5 ms: ${
    median(costs).toFixed(2)
  } µs local; from another process ` +
    `${median(ratios).toFixed(2)} of that (lowest ${lowest}); published there with the backplane ` +
    `${median(own).toFixed(2)} (lowest ${Math.min(...own).toFixed(2)})`;
}

/** What history adds where a message is received, and where it is published. */
async function history(
  kind: string,
  broker: number,
  count: number,
  burst: number,
): Promise<string> {
  const ratios: number[][] = [];
  for (const own of [false, true]) {
    const sets = await Promise.all(["", "history"].map(async (history) => {
      const receiver = new Server(kind, broker, history);
      const publisher = own ? receiver : new Server(kind, broker, history);
      const [port] = await Promise.all(
        [...new Set([receiver, publisher])].map((one) => one.port()),
      );
      const readers = new Readers();
      await readers.open(port!, count);
      return { publisher, receiver, readers };
    }));
    const list: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const costs: number[] = [];
      for (const { publisher, receiver, readers } of sets) {
        costs.push(await cost(publisher, receiver, readers, count, burst));
      }
      if (round > 0) list.push(costs[1]! / costs[0]!);
    }
    ratios.push(list);
    for (const { publisher, receiver, readers } of sets) {
      readers.close();
      for (const server of new Set([publisher, receiver])) await server.end();
    }
  }
  const [received, published] = ratios.map((list) =>
    `${median(list).toFixed(2)} (lowest ${Math.min(...list).toFixed(2)})`
  );
  return `${kind}, ${count} subscribers, ${burst} every 5 ms, with history: from another process ` +
    `${received} of without; published there ${published}`;
}

async function latency(kind: string, broker: number, processes: number): Promise<string> {
  const servers = Array.from({ length: processes }, () => new Server(kind, broker));
  await Promise.all(servers.map((server) => server.port()));
  const [publisher, ...others] = servers as [Server, ...Server[]];
  for (const other of others) await other.call("listen");
  const message = { burst: 1, size: SIZE, stamped: true };
  await publisher.call("publish", { ...message, count: 100 });
  for (const other of others) await other.call("latencies");
  const count = Math.round(seconds * 200);
  await publisher.call("publish", { ...message, count });
  const all: number[] = [];
  for (const other of others) all.push(...await other.call<number[]>("latencies"));
  await Promise.all(servers.map((server) => server.end()));
  const sorted = all.sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(sorted.length * part)]?.toFixed(2);
  return `${kind}, ${processes} processes: p50 ${at(0.5)} ms, p99 ${
    at(0.99)
  } ms (${all.length} of ${count * others.length} messages of ${SIZE} octets, 200 a second)`;
}

const [redis, nats] = [await startRedis(), await startNats({ jetStream: true })];
try {
  const brokers = [["redis", redis.port], ["nats", Number(nats.address.split(":")[1])]] as const;
  for (const [kind, port] of brokers) {
    for (const processes of values.only === "history" ? [] : [2, 4]) {
      console.log(await latency(kind, port, processes));
    }
    // The rates leave the processes idle for a part of the time.
    const loads = [[50, 5], [50, 25], [500, 1], [500, 3]] as const;
    for (const [count, burst] of values.only === "history" ? [] : loads) {
      console.log(await deliveries(kind, port, count, burst));
    }
    for (const [count, burst] of [[50, 5], [50, 25]] as const) {
      console.log(await history(kind, port, count, burst));
    }
  }
} finally {
  await redis.stop();
  await nats.stop();
}
process.exit();
