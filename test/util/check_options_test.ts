// Every option of every call, in one table. Its types say which names there are, so that an option without samples does
// not compile, and the test holds that the checker knows the same ones.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createServer } from "node:http";
import {
  type CompressionOptions,
  type ConnectionLimits,
  type ConnectOptions,
  createDevelopmentCertificate,
  createTopics,
  type DevelopmentCertificateOptions,
  type FileOptions,
  type FormOptions,
  type GuardOptions,
  type HeartbeatOptions,
  type HistoryOptions,
  type HistoryRule,
  type MethodRoute,
  PreparedMessage,
  type ProxyOptions,
  type PublishOptions,
  readForm,
  type ReceiveOptions,
  type ReconnectOptions,
  type RouteServerOptions,
  type SendOptions,
  serveFile,
  serveFiles,
  type ServeOptions,
  type ServerCloseOptions,
  type SingleFileOptions,
  type SocketRoute,
  type SubscribeOptions,
  type TlsClientOptions,
  type TlsCommonOptions,
  type TlsServerOptions,
  type TopicsOptions,
  type UpgradeOptions,
  WebSocket,
  type WebSocketOptions,
  WebSocketStream,
  type WebSocketStreamOptions,
} from "@sansocket/ws";
import {
  BodyDecoder,
  type BodyLimits,
  createRequestParser,
  createResponseParser,
  decodeFrame,
  type DecodeFrameOptions,
  encodeFrame,
  FrameParser,
  type FrameToEncode,
  type HeadLimits,
} from "@sansocket/ws/core";
import { adopt as adoptBun, type AdoptOptions } from "@sansocket/ws/bun";
import { adopt as adoptDeno, type AdoptionOptions } from "@sansocket/ws/deno";
import { attach, type AttachOptions, createDuplex } from "@sansocket/ws/node";
import { redisBackplane, type RedisBackplaneOptions } from "@sansocket/ws/redis";
import { createNetwork, pair } from "@sansocket/ws/testing";
import {
  createConnect,
  createReconnect,
  createServe,
  webTransport,
  type WebTransportAddresses,
} from "@sansocket/ws/web";
import type { Runtime } from "../../src/transport/transport.ts";
import { defer } from "../../src/util/promises.ts";
import { settled } from "../support/connections.ts";
import { backends } from "../support/deflate.ts";
import { test } from "../support/test.ts";

/** For each option a value that it takes, and some that it does not. */
type Samples<Options> = {
  readonly [Name in keyof Options]-?: readonly [right: unknown, ...wrong: unknown[]];
};

const nothing = (): void => {};
/** Of what cannot be had here in a right one: only whether the name is known is tested. */
const any = undefined;
const count = [Infinity, "1000", 0, 0.5, -1, NaN, -Infinity, null, 1000n, true] as const;
const time = [1.5, "1000", 0, 0.5, -1, NaN, -Infinity, null, {}] as const;
const flag = [false, "true", 1, 0, null] as const;
const text = ["a", 1, null, ["a"]] as const;
const list = [["a"], [1], "a", null, {}] as const;
const callback = [nothing, {}, "f", null] as const;

const limits: Samples<ConnectionLimits> = {
  maxMessageSize: count,
  maxFragments: count,
  maxBufferedAmount: count,
  overflow: ["wait", "drop", "Wait", 1, null],
  heartbeat: [false, true, 1, null, []],
  idleTimeout: time,
  maxLifetime: time,
  handshakeTimeout: time,
  closeTimeout: time,
  autoPong: flag,
  trace: [nothing, {}, { event: 5 }, { event: nothing, preview: -1 }, true, null],
  ownBuffers: flag,
};

const heartbeat: Samples<HeartbeatOptions> = { interval: time, timeout: time };

const compression: Samples<CompressionOptions> = {
  level: [0, 10, -1, 0.5, "1", NaN, Infinity],
  memoryLevel: [9, 10, 0, 1.5, "1", NaN, Infinity],
  windowBits: [8, 7, 16, 8.5, "8", NaN, Infinity],
  contextTakeover: flag,
  threshold: [0, -1, 0.5, "0", NaN],
};

const guard: Samples<GuardOptions> = {
  maxConnections: count,
  maxConnectionsPerAddress: count,
  handshakesPerSecond: count,
  handshakesPerSecondPerAddress: count,
  messagesPerSecond: count,
  bytesPerSecond: count,
  controlFramesPerSecond: count,
  tinyFragmentsPerSecond: count,
  frameTimeout: time,
  stallTimeout: time,
  maxInflateRatio: time,
};

const tlsCommon: Samples<TlsCommonOptions> = {
  key: text,
  cert: text,
  pfx: [Uint8Array.of(1), "a", [1], null],
  passphrase: text,
  ca: [["a"], 1, [1]],
  crl: ["a", 1, [1]],
  alpnProtocols: [["http/1.1"], "http/1.1", [], [""], ["a b"], ["a".repeat(256)], ["\u00e9"], [1]],
  minVersion: ["TLSv1.2", "TLSv1.1", 1.2],
  maxVersion: ["TLSv1.3", "1.3", null],
};

const tlsServer: Samples<TlsServerOptions> = {
  ...tlsCommon,
  sni: callback,
  clientCertificates: ["request", "optional", true],
};

const tlsClient: Samples<TlsClientOptions> = {
  ...tlsCommon,
  servername: text,
  rejectUnauthorized: flag,
  checkServerIdentity: callback,
};

const proxy: Samples<ProxyOptions> = {
  url: ["http://localhost/", 5, null, {}],
  headers: [{ a: "b" }],
  tls: [{}, true, null],
};

const common = {
  origins: [
    ["https://example.org"],
    "https://example.org",
    [1],
    ["https://"],
    null,
    async () => {},
  ],
  requireOrigin: flag,
  hosts: [["example.org"], "example.org", [1], ["https://example.org"], null],
  trustProxy: [["10.0.0.0/8"], "10.0.0.0/8", 0.5, -1, NaN, null, ["x"]],
  topics: [createTopics(), {}, true, null, "news"],
  error: callback,
  refused: callback,
} as const;

const attachment = {
  ...limits,
  ...common,
  guard: [{}, true, null, []],
  compression: [true, "true", 1, null, []],
} as const;

const serving: Samples<RouteServerOptions> = {
  ...attachment,
  maxHeadSize: count,
  maxBodySize: count,
  requestTimeout: time,
  proxyProtocol: flag,
  port: [1, -1, 65_536, 0.5, "80", NaN, Infinity, null],
  hostname: text,
  path: [any, 1, null],
  reusePort: flag,
  tls: [any, true, "pem", null],
  routes: [any, null, 5],
  fetch: [any, 5, {}],
  websocket: [any, 5, "ws", null, []],
};

const attaching: Samples<AttachOptions> = {
  ...attachment,
  path: text,
  filter: callback,
  websocket: [nothing, 5, null],
  fetch: callback,
};

const { maxFragments: _1, handshakeTimeout: _2, autoPong: _0, ...engineLimits } = limits;
const adoption: Samples<AdoptionOptions> = {
  ...engineLimits,
  ...common,
  guard: [{}, true, null, []],
};
const adoptionOnBun: Samples<AdoptOptions> = { ...adoption, compression: flag };
const { tinyFragmentsPerSecond: _3, frameTimeout: _4, maxInflateRatio: _5, ...engineGuard } = guard;

const connecting: Samples<ConnectOptions> = {
  ...limits,
  compression: [false, "false", 1, null],
  protocols: ["a", [1], 5, true, null, {}],
  headers: [{ a: "b" }],
  tls: [{}, true, null],
  proxy: [() => undefined, 5, null, true, ["http://a"], { url: "http://a", urls: 1 }],
  dial: [() => Promise.reject(new Error("accepted")), {}, "f", null],
  localAddress: ["::1", "localhost", "127.1", 1, null],
  family: [4, 5, 0, "4", null],
  lookup: callback,
  maxRedirects: [0, -1, 0.5, "1", NaN, null],
  cookies: [{ get: nothing, set: nothing }, {}, { get: nothing }, "a=b", null],
  hooks: [{ ping: nothing }, { message: nothing }, { ping: 5 }, nothing, true, null],
  signal: [new AbortController().signal, new AbortController(), {}, null],
};
const { overflow: _7, ...withoutOverflow } = connecting;
const reconnecting: Samples<ReconnectOptions> = {
  ...withoutOverflow,
  protocols: [nothing, 5, [1], true, null],
  headers: [nothing],
  baseDelay: time,
  maxDelay: time,
  minUptime: [0, -1, "1", NaN, null],
  maxAttempts: count,
  queue: ["refuse", "close", true, null],
  maxQueuedAmount: count,
  resend: flag,
  lazy: flag,
  retry: callback,
  onopen: callback,
  onattempt: callback,
  onwait: callback,
};
const { signal: _6, ...classes } = connecting;
const webSocket: Samples<WebSocketOptions> = classes;
const webSocketStream: Samples<WebSocketStreamOptions> = { ...connecting, protocols: list };

const upgrading: Samples<UpgradeOptions> = {
  protocol: [["a"], 1, [1], {}],
  data: [null],
  headers: [{ a: "b" }],
  origins: [nothing, common.origins[1], ["https://"], null],
};

const answer = [() => new Response(), "text", 5, null, {}] as const;
const route: Samples<SocketRoute & MethodRoute> = {
  ...upgrading,
  websocket: [nothing, 5, null],
  fetch: callback,
  GET: answer,
  HEAD: answer,
  POST: answer,
  PUT: answer,
  PATCH: answer,
  DELETE: answer,
  OPTIONS: answer,
};

const closing: Samples<ServerCloseOptions> = {
  code: [4000, 1006, 5000, "1000"],
  reason: ["a", 1, null],
  timeout: time,
  spread: [0, -1, NaN, Infinity, "1"],
};

const publishing: Samples<PublishOptions> = {
  compress: flag,
  binary: [true, "true", 1, null],
  droppable: flag,
  coalesce: ["key", 5, null, "", "x".repeat(256)],
};

const history: Samples<HistoryRule> = {
  prefix: ["room:", 1, null],
  size: [10_000, 0, 10_001, 1.5, Infinity, "1", null],
  ttl: [0.5 + 300_000, 0, 30 * 86_400_000 + 1, Infinity, "1", null],
  format: callback,
};
const reading: Samples<HistoryOptions> = {
  since: [{ epoch: "a", offset: 1 }, { last: 1 }, { epoch: "a" }, { offset: 1 }, 1, null],
  limit: [0, -1, 0.5, "1", null],
};
const subscribing: Samples<SubscribeOptions> = {
  presence: [{ key: "a" }, { key: 1 }, "a", null],
  since: [
    { last: 0 },
    { last: -1 },
    { last: undefined },
    { epoch: 1, offset: 1 },
    { epoch: "a" },
    1,
    null,
  ],
};

const topicsOptions: Samples<TopicsOptions> = {
  backplane: [undefined, {}, "redis", null],
  prefix: ["app:", "", ".a", "a..b", "a*", "a b", "a{1}", "x".repeat(33), 5, null],
  order: [undefined, "total", { broker: "a" }, { broker: [1] }, { broker: [], other: [] }, null],
  history: [[], "room:", {}, [{}], [{ prefix: 1 }], [{ prefix: "a", size: 0 }], null],
  outage: ["hold", "keep", true, null],
  onGap: callback,
  onState: callback,
  onFirstSubscriber: callback,
  onLastSubscriber: callback,
  error: callback,
};
const redis: Samples<RedisBackplaneOptions> = { sharded: flag };

const sending: Samples<SendOptions> = { compress: flag, binary: [true, "true", 1, null] };
const receiving: Samples<ReceiveOptions> = {
  signal: connecting.signal,
  timeout: time,
};
const oneFile: Samples<SingleFileOptions> = { cacheControl: ["no-store", 1, null, {}] };
const files: Samples<FileOptions> = {
  ...oneFile,
  prefix: ["/a/", "a", 1, null],
  index: ["a", "", 1, null],
};
const form: Samples<FormOptions> = { maxSize: count, maxFields: count };
const certificate: Samples<DevelopmentCertificateOptions> = { hostnames: list };
const duplex: Samples<{ objectMode?: boolean }> = { objectMode: flag };
const decoding: Samples<DecodeFrameOptions> = {
  role: ["server", "both", 1, null],
  rsv1: flag,
  maxPayloadLength: [0, -1, 0.5, "0", NaN, null],
};
const encoding: Samples<FrameToEncode> = {
  payload: ["a", 5, null, {}],
  opcode: [2, -1, 16, 1.5, "2", NaN, null],
  fin: flag,
  rsv1: flag,
  mask: [0xffeeddcc, 0.5, 2 ** 32, -(2 ** 32), NaN, "true", null],
};
const headLimits: Samples<HeadLimits> = { maxHeadSize: count, maxHeaders: [0, -1, 0.5, "1", null] };
const bodyLimits: Samples<BodyLimits> = {
  maxChunkLineSize: [0, -1, 0.5, "1", null],
  maxExtensionSize: [0, -1, 0.5, "1", null],
  maxTrailerSize: [0, -1, 0.5, "1", null],
};
const addresses: Samples<WebTransportAddresses> = { remoteAddress: [any], localAddress: [any] };

/** Takes what it is asked for, and listens or connects nowhere. */
const runtime: Runtime = {
  deflate: backends.public,
  listen: ({ hostname, port }) =>
    Promise.resolve({ address: { hostname, port }, close: () => Promise.resolve() }),
  dial: () => Promise.reject(new Error("accepted")),
};

/** A call, with the options that it takes; it rejects when they are refused. */
interface Call {
  readonly owner: string;
  readonly samples: Samples<object>;
  /** The group that the options are in. */
  readonly group?: string;
  readonly run: (options: never) => unknown;
}

async function accepted(result: unknown): Promise<void> {
  await Promise.resolve(result).catch((error) => {
    if (error.message !== "accepted") throw error;
  });
}

async function serveWith(options: object): Promise<void> {
  const { websocket, fetch, routes } = options as Partial<RouteServerOptions>;
  const hasHandler = [websocket, fetch, routes].some((handler) => handler !== undefined);
  const server = await createServe(runtime)(
    { ...options, ...(hasHandler ? {} : { websocket: nothing }) } as ServeOptions,
  );
  await server.close();
}

const connectWith = (options: ConnectOptions): Promise<void> =>
  accepted(createConnect(runtime)("ws://localhost/", options));

/** Checks them, and is called off before the first attempt, or gives up after it. */
const reconnectWith = (options: ReconnectOptions): Promise<void> => {
  const all = { maxAttempts: 1, signal: AbortSignal.abort(new Error("accepted")), ...options };
  return accepted(createReconnect(createConnect(runtime))("ws://localhost/", all));
};

/** What `upgrade()` throws within `fetch`. */
async function upgradeWith(options: object): Promise<void> {
  const { serve, connect } = createNetwork();
  const errors: unknown[] = [];
  const server = await serve({
    error: (error) => errors.push(error),
    fetch: (_request, { upgrade }) => upgrade((ws) => ws.close(), options),
  });
  await (await connect(server.url, { protocols: ["a"] }).catch(() => undefined))?.closed;
  await server.close();
  if (errors.length > 0) throw errors[0];
}

async function withPair(run: (ends: Awaited<ReturnType<typeof pair>>) => unknown): Promise<void> {
  const ends = await pair();
  try {
    await run(ends);
  } finally {
    ends.client.terminate();
    await ends.server.closed;
    await settled();
  }
}

/** As the client of the package, which does nothing until it is connected. */
const redisClient = Object.assign(createServer(), {
  isOpen: false,
  isReady: false,
  isPubSubActive: false,
  duplicate: nothing,
  destroy: nothing,
  withCommandOptions: nothing,
});

const calls: readonly Call[] = [
  { owner: "serve()", samples: serving, run: serveWith },
  {
    owner: "serve()",
    group: "heartbeat",
    samples: heartbeat,
    run: (heartbeat: HeartbeatOptions) => serveWith({ heartbeat }),
  },
  {
    owner: "serve()",
    group: "compression",
    samples: compression,
    run: (compression: CompressionOptions) => serveWith({ compression }),
  },
  {
    owner: "serve()",
    group: "guard",
    samples: guard,
    run: (guard: GuardOptions) => serveWith({ guard }),
  },
  {
    owner: "serve()",
    group: "tls",
    samples: tlsServer,
    // One of the two alone is refused.
    run: ({ key = "a", cert = "a", ...tls }: TlsServerOptions) =>
      serveWith({ tls: { key, cert, ...tls } }),
  },
  {
    owner: 'the route "/x"',
    samples: route,
    run: ({ websocket = nothing, ...options }: Partial<SocketRoute> & MethodRoute) => {
      const methods = Object.entries(options)
        .filter(([name, value]) => /^[A-Z]+$/.test(name) && value !== undefined);
      const socket = { websocket, ...options } as SocketRoute;
      return serveWith({ routes: { "/x": methods.length > 0 ? { ...options } : socket } });
    },
  },
  { owner: "upgrade()", samples: upgrading, run: upgradeWith },
  {
    owner: "attach()",
    samples: attaching,
    run: (options: AttachOptions) => attach(createServer(), options).close(),
  },
  {
    owner: "attach()",
    group: "guard",
    samples: guard,
    run: (guard: GuardOptions) => attach(createServer(), { guard }).close(),
  },
  { owner: "adopt()", samples: adoption, run: (options: AdoptionOptions) => adoptDeno(options) },
  { owner: "adopt()", samples: adoptionOnBun, run: (options: AdoptOptions) => adoptBun(options) },
  {
    owner: "adopt()",
    group: "guard",
    samples: engineGuard,
    run: (guard: NonNullable<AdoptionOptions["guard"]>) => adoptDeno({ guard }),
  },
  { owner: "connect()", samples: connecting, run: connectWith },
  { owner: "reconnect()", samples: reconnecting, run: reconnectWith },
  {
    owner: "connect()",
    group: "heartbeat",
    samples: heartbeat,
    run: (heartbeat: HeartbeatOptions) => connectWith({ heartbeat }),
  },
  {
    owner: "connect()",
    group: "compression",
    samples: compression,
    run: (compression: CompressionOptions) => connectWith({ compression }),
  },
  {
    owner: "connect()",
    group: "tls",
    samples: tlsClient,
    run: (tls: TlsClientOptions) => connectWith({ tls }),
  },
  {
    owner: "connect()",
    group: "proxy",
    samples: proxy,
    run: ({ url = "http://localhost/", ...options }: ProxyOptions) =>
      connectWith({ proxy: { url, ...options } }).catch((error) =>
        accepted(Promise.reject(error.cause ?? error))
      ),
  },
  {
    owner: "new WebSocket()",
    samples: webSocket,
    run: (options: WebSocketOptions) => void new WebSocket("ws://127.0.0.1:1/", options).close(),
  },
  {
    owner: "new WebSocketStream()",
    samples: webSocketStream,
    run: (options: WebSocketStreamOptions) =>
      void new WebSocketStream("ws://127.0.0.1:1/", options).close(),
  },
  {
    owner: "close()",
    samples: closing,
    run: async (options: ServerCloseOptions) => {
      const server = await createServe(runtime)({ websocket: nothing });
      try {
        await server.close(options);
      } finally {
        await server.close();
      }
    },
  },
  {
    owner: "send()",
    samples: sending,
    run: (options: SendOptions) => withPair(({ client }) => client.send("a", options)),
  },
  {
    owner: "publish()",
    samples: publishing,
    run: (options: PublishOptions) => void createTopics().publish("topic", "a", options),
  },
  {
    owner: "createTopics()",
    samples: topicsOptions,
    run: (options: TopicsOptions) => void createTopics(options),
  },
  {
    owner: "createTopics()",
    group: "history[0]",
    samples: history,
    run: ({ prefix = "a", ...rule }: Partial<HistoryRule>) =>
      void createTopics({ history: [{ prefix, ...rule }] }),
  },
  {
    owner: "topics.history()",
    samples: reading,
    run: (options: HistoryOptions) =>
      createTopics({ history: [{ prefix: "" }] }).history("a", options),
  },
  {
    owner: "subscribe()",
    samples: subscribing,
    run: async (options: SubscribeOptions) => {
      const network = createNetwork();
      const topics = createTopics({ history: [{ prefix: "" }] });
      const subscribed = defer<unknown>();
      const server = await network.serve({
        topics,
        websocket: {
          open: (ws) => {
            new Promise((resolve) => resolve(ws.subscribe("a", options)))
              .then(subscribed.resolve, subscribed.reject);
          },
        },
      });
      await network.connect(server.url);
      await subscribed.promise.finally(() => server.close());
    },
  },
  {
    owner: "redisBackplane()",
    samples: redis,
    run: (options: RedisBackplaneOptions) => void redisBackplane(redisClient, options),
  },
  {
    owner: "PreparedMessage",
    samples: sending,
    run: (options: SendOptions) => void new PreparedMessage("a", options),
  },
  {
    owner: "receive()",
    samples: receiving,
    run: (options: ReceiveOptions) =>
      withPair(({ client, server }) => (server.send("a"), client.receive(options))),
  },
  {
    owner: "receiveStream()",
    samples: receiving,
    run: (options: ReceiveOptions) =>
      withPair(({ client, server }) => (server.send("a"), client.receiveStream(options))),
  },
  {
    owner: "serveFiles()",
    samples: files,
    run: (options: FileOptions) => serveFiles(".", options),
  },
  {
    owner: "serveFile()",
    samples: oneFile,
    run: (options: SingleFileOptions) => serveFile("a", options),
  },
  {
    owner: "readForm()",
    samples: form,
    run: async (options: FormOptions) => void await readForm(new Request("http://a/"), options),
  },
  {
    owner: "createDevelopmentCertificate()",
    samples: certificate,
    run: createDevelopmentCertificate,
  },
  {
    owner: "createDuplex()",
    samples: duplex,
    run: (options: { objectMode?: boolean }) =>
      withPair(({ client }) => void createDuplex(client, options).destroy()),
  },
  {
    owner: "decodeFrame()",
    samples: decoding,
    run: (options: DecodeFrameOptions) => decodeFrame(new Uint8Array(), options),
  },
  {
    owner: "FrameParser",
    samples: decoding,
    run: (options: DecodeFrameOptions) => new FrameParser(options),
  },
  {
    owner: "encodeFrame()",
    samples: encoding,
    run: (frame: FrameToEncode) => encodeFrame(frame),
  },
  {
    owner: "createRequestParser()",
    samples: headLimits,
    run: (limits: Partial<HeadLimits>) => createRequestParser(limits),
  },
  {
    owner: "createResponseParser()",
    samples: headLimits,
    run: (limits: Partial<HeadLimits>) => createResponseParser(limits),
  },
  {
    owner: "BodyDecoder",
    samples: bodyLimits,
    run: (limits: Partial<BodyLimits>) => new BodyDecoder({ kind: "chunked" }, limits),
  },
  {
    owner: "webTransport()",
    samples: addresses,
    run: (options: WebTransportAddresses) => {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      webTransport({ readable, writable }, options).destroy();
    },
  },
];

for (const { owner, group, samples, run } of calls) {
  const prefix = group === undefined ? "" : `${group}.`;
  const title = group === undefined ? owner : `${group} of ${owner}`;
  const call = async (options: unknown): Promise<unknown> => await run(options as never);
  const entries = Object.entries(samples) as [string, readonly unknown[]][];

  test(`${title} takes each of its options, and undefined for each`, async () => {
    for (const [name, [right]] of entries) {
      if (right !== any) await call({ [name]: right });
      await call({ [name]: undefined, [`${name}s`]: undefined });
    }
  });

  test(`${title} refuses a value of the wrong kind, or out of its range, by name`, async () => {
    for (const [name, [, ...wrong]] of entries) {
      for (const value of wrong) {
        const error = await assertRejects(() => call({ [name]: value }), Error);
        const known = error instanceof TypeError || error instanceof RangeError;
        assertEquals(known, true, `${name}: ${String(value)}: ${error}`);
        if (owner === "close()" && name === "code") continue;
        assertStringIncludes(error.message, "Expected ");
        assertStringIncludes(error.message.replaceAll(" ", "").toLowerCase(), name.toLowerCase());
      }
    }
  });

  test(`${title} refuses a misspelt option, with the right one`, async () => {
    for (const [name] of entries) {
      const misspelt = `${name}x`;
      const error = await assertRejects(() => call({ [misspelt]: 1 }), TypeError);
      assertEquals(
        error.message,
        `Expected an option of ${owner}, got ${prefix}${misspelt}: did you mean ${prefix}${name}?`,
      );
    }
  });

  test(`${title} refuses an unknown option, with all that there are`, async () => {
    const error = await assertRejects(() => call({ qwxyz: nothing }), TypeError);
    const names = entries.map(([name]) => name).sort().join(", ");
    assertEquals(
      error.message,
      `Expected an option of ${owner}, got ${prefix}qwxyz: there are ${names}`,
    );
  });
}

test("an option beside its group is refused, with where it belongs", async () => {
  const table: readonly (readonly [object, string])[] = [
    [
      { maxConnections: 1 },
      "got maxConnections: it belongs inside, as in { guard: { maxConnections } }",
    ],
    [{ message: nothing }, "got message: it belongs inside, as in { websocket: { message } }"],
    [{ interval: 1 }, "got interval: it belongs inside, as in { heartbeat: { interval } }"],
    [{ maxConection: 1 }, "got maxConection: did you mean guard.maxConnections?"],
    [{ guard: { maxMessageSise: 1 } }, "got guard.maxMessageSise: did you mean maxMessageSize?"],
  ];
  for (const [options, message] of table) {
    const error = await assertRejects(() => serveWith(options), TypeError);
    assertEquals(error.message, `Expected an option of serve(), ${message}`);
  }
});

test("options are an object", async () => {
  const { serve, connect } = createNetwork();
  for (
    const [value, got] of [[8000, "8000"], ["chat", '"chat"'], [["a"], "an array"], [null, "null"]]
  ) {
    const error = await assertRejects(() => serve(value as never), TypeError);
    assertEquals(error.message, `Expected the options of serve() to be an object, got ${got}`);
    const other = await assertRejects(() => connect("ws://localhost/", value as never), TypeError);
    assertEquals(other.message, `Expected the options of connect() to be an object, got ${got}`);
  }
  await assertRejects(
    () => (serve as unknown as () => Promise<void>)(),
    TypeError,
    "got undefined",
  );
  await assertRejects(
    () => withPair(({ client }) => client.send("a", nothing as never)),
    TypeError,
    "Expected the options of send() to be an object, got a function",
  );
});

test("options may be inherited, and read by accessors, and are checked then", async () => {
  await assertRejects(() => connectWith(Object.create({ maxMessageSize: 0 })), RangeError);
  await assertRejects(() => connectWith(Object.create({ maxMessagesSize: 1 })), TypeError);
  class Settings {
    get maxMessageSize(): number {
      return 0;
    }
  }
  await assertRejects(() => connectWith(new Settings()), RangeError);
});

test("numbers are told apart with their unit and range", async () => {
  const table: readonly (readonly [object, string])[] = [
    [{ maxMessageSize: "1000" }, 'a whole number of octets, 1 or more, got "1000"'],
    [{ maxMessageSize: 0.5 }, "a whole number of octets, 1 or more, got 0.5"],
    [{ closeTimeout: NaN }, "a number of milliseconds, 1 or more, got NaN"],
    [{ port: 70_000 }, "a whole number from 0 to 65535, got 70000"],
    [{ compression: { level: 10 } }, "a whole number from 0 to 9, got 10"],
  ];
  for (const [options, message] of table) {
    const error = await assertRejects(() => serveWith(options), Error);
    assertStringIncludes(error.message, ` to be ${message}`);
    assertEquals(error instanceof RangeError, !message.includes('"'));
  }
});

test("serve() says how to write what was meant with several of websocket, fetch and routes", async () => {
  const fetch = (): Response => new Response();
  const table: readonly (readonly [object, string])[] = [
    [{}, "Expected websocket, fetch or routes, got none of them"],
    [
      { websocket: {}, fetch },
      'Expected either websocket or fetch, got both: write routes: { "/*": { websocket, fetch } }, or let fetch ' +
      "return upgrade(handler) for what asks for a WebSocket",
    ],
    [
      { websocket: {}, routes: {} },
      'Expected either websocket or routes, got both: write routes: { …, "/*": { websocket } }',
    ],
  ];
  for (const [options, message] of table) {
    const serve = createServe(runtime);
    const error = await assertRejects(() => serve(options as ServeOptions), TypeError);
    assertEquals(error.message, message);
  }
});
