// The two packages that speak to Redis, and what the driver needs of either: one interface.
//
// 1. Told apart by shape: the library depends on neither, and a client may come from any copy.
// 2. A subscriber is a duplicate that does not resubscribe and is not kept after a loss: then what
//    a process has joined is known by the topics alone.
// 3. `redis` gives up a command that has waited for 5 s in its queue, by a timer and a signal for
//    each. They are off for what is published, since the topics have a bound of their own: a
//    message takes 4.6 µs of CPU time on Node, and 16.8 with them.

import { Buffer } from "node:buffer";
import { describe } from "../../src/util/check_options.ts";

/** A client or a cluster of the package `redis`, version 5 or later. */
export interface RedisClient {
  /** Whether it has been connected and not closed. */
  readonly isOpen: boolean;
  /** Whether it takes commands. */
  readonly isReady: boolean;
  /** Makes another one with the same options. */
  duplicate(): unknown;
  /** Ends it. */
  destroy(): unknown;
}

/** A client or a cluster of the package `ioredis`, version 5 or later. */
export interface IORedisClient {
  /** What it does: "ready" when it takes commands. */
  readonly status: string;
  /** Makes another one with the same options. */
  duplicate(): unknown;
  /** Ends it. */
  disconnect(): unknown;
}

/** A client of either package. */
export interface Connection {
  /** Whether it leads to a cluster. */
  readonly cluster: boolean;
  /** Whether it puts a prefix before keys. */
  readonly prefixed: boolean;
  /** Whether it takes commands now. */
  ready(): boolean;
  /** Whether it connects by itself: it has been connected, and not closed. */
  open(): boolean;
  /**
   * Calls back with each event that can change `ready()`.
   *
   * @param changed Called with the error, if there is one, and whether a node of a cluster is lost.
   * @returns Ends that.
   */
  watch(changed: (error: unknown, lost: boolean) => void): () => void;
  /** Publishes; the number is that of the receivers on this server. */
  publish(channel: string, message: Buffer): Promise<unknown>;
  /** Runs a script; strings of the result are bytes. */
  run(
    script: string,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown>;
  /** What the server says of its replicas. */
  role(): Promise<unknown>;
  /** Makes a connection that subscribes; it is not connected yet. */
  subscriber(message: (channel: string, message: Buffer) => void): Subscriber;
}

/** A connection that the driver has made. */
export interface Subscriber extends Pick<Connection, "ready" | "watch"> {
  /** Connects; rejects when it has given up. */
  connect(): Promise<unknown>;
  /** Subscribes to these. */
  subscribe(channels: string[]): Promise<unknown>;
  /** Ends that. */
  unsubscribe(channels: string[]): Promise<unknown>;
  /** Ends the connection. */
  end(): void;
}

type Listener = (...args: unknown[]) => void;
type Call<Args extends unknown[]> = (...args: Args) => Promise<unknown>;
type Publish = Call<[channel: string, message: Buffer]>;
type OnMessage = (message: Buffer, channel: Buffer) => void;
type Subscribe = Call<[channels: string[], listener: OnMessage, buffers: true]>;

interface Emitter {
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
  listeners(event: string): unknown[];
}

/** What is used of `redis`. */
interface NodeRedis extends Emitter, Omit<RedisClient, "duplicate"> {
  readonly isPubSubActive?: boolean;
  /** Only a cluster has it. */
  readonly masters?: unknown;
  duplicate(options?: object): NodeRedis;
  withCommandOptions(options: object): NodeRedis;
  connect: Call<[]>;
  sendCommand: Call<[args: string[]]>;
  eval: Call<[script: string, options: { keys: string[]; arguments: (string | Buffer)[] }]>;
  publish: Publish;
  sPublish: Publish;
  subscribe: Subscribe;
  sSubscribe: Subscribe;
  unsubscribe: Subscribe;
  sUnsubscribe: Subscribe;
}

/** What is used of `ioredis`. */
interface IORedis extends Emitter, Omit<IORedisClient, "duplicate"> {
  readonly isCluster: boolean;
  readonly mode?: string;
  readonly options: { readonly keyPrefix?: string };
  nodes(): IORedis[];
  duplicate(...options: unknown[]): IORedis;
  call: Call<[command: string]>;
  evalBuffer: Call<[script: string, keys: number, ...args: (string | Buffer)[]]>;
  connect: Call<[]>;
  publish: Publish;
  spublish: Publish;
  subscribe: Call<string[]>;
  ssubscribe: Call<string[]>;
  unsubscribe: Call<string[]>;
  sunsubscribe: Call<string[]>;
}

/** What `redis` calls a string of a reply: its first octet, `$`. */
const BLOB = 0x24;

/** What clusters report of a node that they have lost. */
const LOST: readonly string[] = ["node-error", "-node"];
const EVENTS: readonly string[] = [
  ...["ready", "connect", "error", "close", "end", "reconnecting", "disconnect"],
  ...LOST,
];

/** Without a listener an error of a client ends the process; one client gets this one once. */
function ignore(): void {}

function watch(client: Emitter, changed: (error: unknown, lost: boolean) => void): () => void {
  const listeners = EVENTS.map((event): [string, Listener] => [
    event,
    (error) => changed(event.includes("error") ? error : undefined, LOST.includes(event)),
  ]);
  for (const [event, listener] of listeners) client.on(event, listener);
  // It stays: the driver may end in an outage, and the client goes on.
  if (!client.listeners("error").includes(ignore)) client.on("error", ignore);
  return () => {
    for (const [event, listener] of listeners) client.off(event, listener);
  };
}

function ofRedis(client: NodeRedis, sharded: boolean): Connection {
  const cluster = client.masters !== undefined;
  const [publish, subscribe, unsubscribe] = sharded
    ? ["sPublish", "sSubscribe", "sUnsubscribe"] as const
    : ["publish", "subscribe", "unsubscribe"] as const;
  // One of the servers of a cluster may be away while the others go on.
  const options = cluster ? {} : { timeout: 0 };
  const publisher = cluster ? client : client.withCommandOptions(options);
  const scripts = client.withCommandOptions({ ...options, typeMapping: { [BLOB]: Buffer } });
  return {
    cluster,
    prefixed: false,
    ready: () => client.isReady,
    open: () => client.isOpen,
    watch: (changed) => watch(client, changed),
    publish: (channel, message) => publisher[publish](channel, message),
    run: (script, keys, args) => scripts.eval(script, { keys: [...keys], arguments: [...args] }),
    role: () => client.sendCommand(["ROLE"]),
    subscriber(message) {
      const own = client.duplicate(cluster ? { minimizeConnections: true } : undefined);
      const listener: OnMessage = (data, channel) => message(channel.toString(), data);
      let connecting: Promise<unknown> = Promise.resolve();
      return {
        ready: () => own.isReady,
        watch: (changed) => watch(own, changed),
        connect: () => connecting = own.connect(),
        subscribe: (channels) => own[subscribe](channels, listener, true),
        unsubscribe: (channels) => own[unsubscribe](channels, listener, true),
        end() {
          own.destroy();
          // One that is ended while it connects goes on to connect, and would keep the process.
          connecting.then(() => own.destroy()).catch(ignore);
        },
      };
    },
  };
}

function ofIORedis(client: IORedis, sharded: boolean): Connection {
  const cluster = client.isCluster;
  const [publish, subscribe, unsubscribe, event] = sharded
    ? ["spublish", "ssubscribe", "sunsubscribe", "smessageBuffer"] as const
    : ["publish", "subscribe", "unsubscribe", "messageBuffer"] as const;
  // Only the channels of sharded Pub/Sub are keys, which get the prefix of keys.
  const prefix = sharded ? Buffer.from(client.options.keyPrefix ?? "").length : 0;
  const duplicate = (): IORedis => {
    // In a cluster any node has all messages. A cluster would not tell that it has lost one.
    const nodes = cluster ? client.nodes() : [client];
    if (cluster && (sharded || nodes.length === 0)) {
      const options = { lazyConnect: true, clusterRetryStrategy: null };
      return client.duplicate([], { ...options, shardedSubscribers: sharded });
    }
    return nodes[Math.floor(Math.random() * nodes.length)]!.duplicate({
      lazyConnect: true,
      retryStrategy: null,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
    });
  };
  return {
    cluster,
    prefixed: Boolean(client.options.keyPrefix),
    ready: () => client.status === "ready",
    open: () => client.status !== "wait" && client.status !== "end",
    watch: (changed) => watch(client, changed),
    publish: (channel, message) => client[publish](channel, message),
    run: (script, keys, args) => client.evalBuffer(script, keys.length, ...keys, ...args),
    role: () => client.call("ROLE"),
    subscriber(message) {
      const own = duplicate();
      own.on(event, (channel, data) => {
        message((channel as Buffer).subarray(prefix).toString(), data as Buffer);
      });
      return {
        ready: () => own.status === "ready",
        watch: (changed) => watch(own, changed),
        connect: () => own.connect(),
        subscribe: (channels) => own[subscribe](...channels),
        unsubscribe: (channels) => own[unsubscribe](...channels),
        end: () => void own.disconnect(),
      };
    },
  };
}

/**
 * Tells the two packages apart.
 *
 * @param client What the user has given.
 * @param sharded Whether sharded Pub/Sub is asked for.
 * @returns What the driver uses.
 * @throws {TypeError} When it is no client of theirs, or one that cannot publish.
 */
export function connectionOf(client: unknown, sharded: boolean): Connection {
  const { on, off, duplicate, destroy, call, isReady, isPubSubActive, masters, status, mode } =
    (client ?? {}) as Partial<NodeRedis & IORedis>;
  const emits = typeof on === "function" && typeof off === "function" &&
    typeof duplicate === "function";
  const isIORedis = emits && typeof status === "string" && typeof call === "function";
  const isRedis = emits && typeof isReady === "boolean" && typeof destroy === "function" &&
    (typeof isPubSubActive === "boolean" || masters !== undefined);
  if (!isIORedis && !isRedis) {
    throw new TypeError(
      `Expected a client of redis, from createClient() or createCluster(), or one of ioredis, got ${
        describe(client)
      }; both are packages to install: npm install redis`,
    );
  }
  if (isPubSubActive || mode === "subscriber" || mode === "monitor") {
    throw new TypeError(
      "Expected a client that publishes, got one that has subscribed; pass client.duplicate()",
    );
  }
  return isIORedis ? ofIORedis(client as IORedis, sharded) : ofRedis(client as NodeRedis, sharded);
}
