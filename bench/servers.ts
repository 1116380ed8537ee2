// What is measured against what: programs, and the runtime that each runs on.

import type { Kind, Mode, Shape } from "./scenarios.ts";

/** A family of runtimes: the columns of the report. */
export type Family = "node" | "bun" | "deno";

/** A runtime that programs run on: "node20", "bun". */
export type RuntimeName = "bun" | "deno" | `node${number}`;

/** What speaks. "native" is the WebSocket that the runtime itself has; "raw" a plain TCP echo. */
export type Engine =
  | "ours"
  | "ws"
  | "ws-bufferutil"
  | "crossws"
  | "undici"
  | "http"
  | "hono"
  | "native"
  | "raw";

/** A program below bench/, and its arguments. */
export type Program = readonly [file: string, ...args: string[]];

/** A program on a runtime. */
export interface Subject {
  /** Such as "ours-node20". */
  readonly name: string;
  readonly engine: Engine;
  readonly runtime: RuntimeName;
  /** The server's programs, for each shape that there is. */
  readonly servers: Readonly<Partial<Record<Shape, Program>>>;
  /** Which client of the client program. */
  readonly client?: string;
  /** Whether it compresses when it is told to. */
  readonly compresses: boolean;
  readonly environment: Readonly<Record<string, string>>;
}

/** The family of a runtime. */
export function familyOf(runtime: RuntimeName): Family {
  return runtime === "bun" || runtime === "deno" ? runtime : "node";
}

type Draft = Partial<Subject> & Pick<Subject, "engine">;

const ours: Subject["servers"] = {
  hooks: ["ours/server.mjs"],
  fetch: ["ours/fetch.mjs"],
  field: ["ours/fetch.mjs", "--field"],
  async: ["ours/fetch.mjs", "--async"],
  loop: ["ours/server.mjs", "--loop"],
  tls: ["ours/server.mjs", "--tls"],
  ...pages("ours/page.mjs"),
};

/** A page by a function, and a route that is a Response, which not all servers have. */
function pages(file: string): Subject["servers"] {
  return {
    page: [file],
    "page-async": [file, "--async"],
    "page-route": [file, "--route"],
  };
}

/** On a port of its own, and on a server of `node:http` where something comes before the answer. */
const wsServers: Subject["servers"] = {
  hooks: ["peers/ws.mjs"],
  fetch: ["peers/ws.mjs", "--fetch"],
  field: ["peers/ws.mjs", "--field"],
  async: ["peers/ws.mjs", "--async"],
  attach: ["peers/ws.mjs", "--attach"],
  loop: ["peers/ws.mjs"],
  tls: ["peers/ws.mjs", "--tls"],
};

/**
 * Servers that know no other shape: a function looks at each request, and a broadcast is what their documentation
 * shows.
 */
function inFetch(file: string): Subject["servers"] {
  return {
    hooks: [file],
    fetch: [file, "--fetch"],
    field: [file, "--field"],
    async: [file, "--async"],
    loop: [file],
    tls: [file, "--tls"],
  };
}

const withoutAddon = { WS_NO_BUFFER_UTIL: "1" };

const onNode: readonly Draft[] = [
  {
    engine: "ours",
    servers: { ...ours, attach: ["ours/attach.mjs"] },
    client: "ours",
    compresses: true,
  },
  {
    engine: "ws",
    servers: wsServers,
    client: "ws",
    compresses: true,
    environment: withoutAddon,
  },
  { engine: "ws-bufferutil", servers: wsServers, client: "ws", compresses: true },
  { engine: "crossws", servers: { hooks: ["peers/crossws.mjs"] }, environment: withoutAddon },
  { engine: "undici", client: "undici" },
  { engine: "http", servers: pages("peers/page_http.mjs") },
  {
    engine: "hono",
    servers: { page: ["peers/page_hono.mjs"], "page-async": ["peers/page_hono.mjs", "--async"] },
  },
  {
    engine: "raw",
    servers: { hooks: ["peers/raw_node.mjs"], tls: ["peers/raw_node.mjs", "--tls"] },
  },
];

const onBun: readonly Draft[] = [
  { engine: "ours", servers: ours, client: "ours", compresses: true },
  {
    engine: "native",
    servers: { ...inFetch("peers/bun_serve.mjs"), ...pages("peers/page_bun.mjs") },
    client: "native",
    compresses: true,
  },
  { engine: "raw", servers: { hooks: ["peers/raw_bun.mjs"], tls: ["peers/raw_bun.mjs", "--tls"] } },
];

const onDeno: readonly Draft[] = [
  { engine: "ours", servers: ours, client: "ours", compresses: true },
  {
    engine: "native",
    servers: { ...inFetch("peers/deno_serve.mjs"), ...pages("peers/page_deno.mjs") },
    client: "native",
  },
  // Over TLS it has the sockets of `node:tls`: those of `Deno.listenTls` cannot set TCP_NODELAY.
  {
    engine: "raw",
    servers: { hooks: ["peers/raw_deno.mjs"], tls: ["peers/raw_node.mjs", "--tls"] },
  },
];

const drafts: Readonly<Record<Family, readonly Draft[]>> = {
  node: onNode,
  bun: onBun,
  deno: onDeno,
};

/** All subjects on these runtimes, in the order in which a round visits them first. */
export function subjectsOn(runtimes: readonly RuntimeName[]): Subject[] {
  return runtimes.flatMap((runtime) =>
    drafts[familyOf(runtime)].map((draft) => ({
      compresses: false,
      servers: {},
      environment: {},
      ...draft,
      name: `${draft.engine}-${runtime}`,
      runtime,
    }))
  );
}

/** Whether a subject can take part in a scenario. */
export function takesPart(
  subject: Subject,
  { mode, kind, shape, compressed }: {
    readonly mode: Mode;
    readonly kind: Kind;
    readonly shape: Shape;
    readonly compressed: boolean;
  },
): boolean {
  if (mode.startsWith("client")) return subject.client !== undefined;
  if (subject.servers[shape] === undefined || (compressed && !subject.compresses)) return false;
  return subject.engine !== "raw" || (mode === "echo" && kind === "binary");
}
