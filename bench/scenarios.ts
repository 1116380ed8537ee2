// What is measured. A name says it all: echo-64x32-1k is 64 connections with 32 messages of 1 KiB in flight on each.

/** What the connections do. */
export type Mode = "echo" | "broadcast" | "connect" | "get" | "idle" | "client" | "client-connect";

/**
 * How the server's program is written: "hooks" has one set of hooks for all, "fetch" decides at once in a function that
 * looks at the address, "field" looks at a header field too, "async" returns a promise, "attach" has the
 * `http.Server` of `node:http`, "loop" sends to each connection in turn where "hooks" publishes to a topic, and "tls" is
 * hooks over TLS. "page", "page-async" and "page-route" answer with a page: by a function, by one that returns a
 * promise, and always with the same.
 */
export type Shape = "hooks" | "fetch" | "field" | "async" | "attach" | "loop" | "tls" | PageShape;

/** How a page is made. */
export type PageShape = "page" | "page-async" | "page-route";

/** What messages are made of; "utf8" is text of characters of one to four octets, mixed. */
export type Kind = "binary" | "text" | "utf8" | "json";

/** One thing to measure. */
export interface Scenario {
  readonly name: string;
  readonly mode: Mode;
  readonly kind: Kind;
  readonly shape: Shape;
  /** Connections; with "connect" and "client-connect", handshakes under way at once. */
  readonly connections: number;
  /** Messages in flight on each connection; of a broadcast, in all. */
  readonly depth: number;
  /** Octets of a message. */
  readonly size: number;
  /** Connections that take turns to send, in a broadcast. */
  readonly senders: number;
  /** Whether permessage-deflate is offered, and the servers are told to accept it. */
  readonly compressed: boolean;
}

/** More in flight than this measures the kernel's memory, and the servers' limits. */
const MOST_IN_FLIGHT = 64 << 20;

const sizes = { "20": 20, "1k": 1024, "64k": 65_536, "1m": 1 << 20 };

function scenario(
  prefix: string,
  mode: Mode,
  kind: Kind,
  connections: number,
  depth = 1,
  size: keyof typeof sizes = "20",
): Scenario {
  const name = `${prefix}-${connections}x${depth}-${size}`;
  const compressed = kind === "json";
  return {
    name,
    mode,
    kind,
    shape: "hooks",
    connections,
    depth,
    size: sizes[size],
    senders: 1,
    compressed,
  };
}

function* matrix(prefix: string, kind: Kind): Generator<Scenario> {
  for (const size of ["20", "1k", "64k", "1m"] as const) {
    for (const connections of [1, 64, 512]) {
      for (const depth of [1, 32]) {
        const inFlight = connections * depth * sizes[size];
        // Of 1 MiB one at a time on one connection, and the four on eight below, say all.
        if (inFlight > MOST_IN_FLIGHT || (size === "1m" && connections * depth > 1)) continue;
        yield scenario(prefix, "echo", kind, connections, depth, size);
      }
    }
  }
  yield scenario(prefix, "echo", kind, 8, 4, "1m");
}

function broadcast(connections: number, depth: number, senders = 1): Scenario {
  const name = `broadcast-${connections}x${depth}${senders > 1 ? `-from${senders}` : ""}`;
  return {
    name,
    mode: "broadcast",
    kind: "binary",
    shape: "hooks",
    connections,
    depth,
    size: 128,
    senders,
    compressed: false,
  };
}

/** More than 1,024 octets, from which on servers compress. */
const compressedBroadcast: Scenario = {
  ...broadcast(500, 1),
  name: "broadcast-500x1-json",
  kind: "json",
  size: 1100,
  compressed: true,
};

/** A text for all, in turn. */
const textLoop: Scenario = {
  ...broadcast(500, 1),
  name: "broadcast-500x1-loop-text",
  kind: "text",
  shape: "loop",
};

function handshake(): Scenario {
  return { ...scenario("connect", "connect", "binary", 64), name: "connect-64" };
}

/** The same, of programs that are written otherwise. */
function shaped(shape: Shape, scenario: Scenario): Scenario {
  return { ...scenario, name: `${scenario.name}-${shape}`, shape };
}

function page(shape: PageShape): Scenario {
  return { ...scenario("get", "get", "text", 64, 1, "1k"), name: `get-64-1k-${shape}`, shape };
}

function idle(connections: number): Scenario {
  return { ...scenario("idle", "idle", "binary", connections), name: `idle-${connections}` };
}

/** All there are, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  ...matrix("echo", "binary"),
  ...matrix("text", "text"),
  scenario("utf8", "echo", "utf8", 64, 1, "1k"),
  scenario("utf8", "echo", "utf8", 64, 32, "1k"),
  scenario("echo", "echo", "binary", 10_000, 1, "20"),
  shaped("tls", scenario("echo", "echo", "binary", 64, 1, "20")),
  shaped("tls", scenario("echo", "echo", "binary", 64, 32, "20")),
  shaped("tls", scenario("echo", "echo", "binary", 64, 1, "64k")),
  broadcast(500, 1),
  broadcast(500, 8),
  broadcast(500, 8, 8),
  shaped("loop", broadcast(500, 1)),
  textLoop,
  shaped("loop", broadcast(500, 8)),
  broadcast(5000, 1),
  broadcast(5000, 8),
  compressedBroadcast,
  handshake(),
  shaped("fetch", handshake()),
  shaped("async", handshake()),
  shaped("attach", handshake()),
  page("page"),
  page("page-async"),
  page("page-route"),
  idle(1000),
  idle(5000),
  shaped("field", idle(5000)),
  shaped("attach", idle(5000)),
  idle(10_000),
  scenario("deflate", "echo", "json", 64, 1, "1k"),
  scenario("deflate", "echo", "json", 64, 32, "1k"),
  scenario("client", "client", "binary", 1, 1, "20"),
  scenario("client", "client", "binary", 64, 1, "20"),
  scenario("client", "client", "binary", 64, 32, "20"),
  scenario("client", "client", "binary", 64, 32, "1k"),
  scenario("client", "client", "text", 64, 32, "1k"),
  { ...scenario("client", "client-connect", "binary", 64), name: "client-connect-64" },
].map((each) =>
  each.mode === "client" && each.kind === "text"
    ? { ...each, name: each.name.replace("client", "client-text") }
    : each
);

/**
 * The scenario of this name.
 *
 * @throws {Error} When there is none.
 */
export function scenarioOf(name: string): Scenario {
  const found = scenarios.find((each) => each.name === name);
  if (found === undefined) throw new Error(`Expected the name of a scenario, got ${name}`);
  return found;
}

/** What one unit of the CPU figure is. */
export function unitOf({ mode }: Scenario): string {
  switch (mode) {
    case "broadcast":
      return "delivery";
    case "connect":
    case "client-connect":
      return "handshake and close";
    case "get":
      return "page";
    case "idle":
      return "connection";
    default:
      return "message";
  }
}

/** What a program is written like, for people; nothing for hooks alone. */
const shapes: Readonly<Record<Shape, string>> = {
  hooks: "",
  fetch: " through fetch",
  field: " through fetch, which reads a field",
  async: " through an async fetch",
  attach: " on node:http",
  loop: " by a loop",
  tls: " over TLS",
  page: " through fetch",
  "page-async": " through an async fetch",
  "page-route": " of a route that is a Response",
};

/** Whether a client is measured, and not a server. */
export function measuresClient({ mode }: Pick<Scenario, "mode">): boolean {
  return mode === "client" || mode === "client-connect";
}

/** A row's title for people. */
export function titleOf(scenario: Scenario): string {
  return `${workOf(scenario)}${shapes[scenario.shape]}`;
}

function workOf(scenario: Scenario): string {
  const { mode, kind, connections, depth, size, senders, compressed } = scenario;
  const octets = size >= 1 << 20
    ? `${size >> 20} MiB`
    : size >= 1024 && size % 1024 === 0
    ? `${size >> 10} KiB`
    : `${size.toLocaleString("en")} B`;
  const many = connections.toLocaleString("en");
  if (mode === "broadcast") {
    const what = compressed
      ? `${octets} of JSON, compressed,`
      : kind === "text"
      ? `${octets} of text`
      : octets;
    const from = senders > 1 ? ` from ${senders}` : "";
    return `broadcast of ${what} to ${many}${depth > 1 ? `, ${depth} in flight${from}` : ""}`;
  }
  if (mode === "get") return `a page of ${octets}, ${many} connections`;
  if (mode === "connect") return "a handshake and close";
  if (mode === "client-connect") return "client, a handshake and close";
  if (mode === "idle") return `an idle connection, of ${many}`;
  const what = compressed
    ? `${octets} of JSON, compressed`
    : kind === "utf8"
    ? `${octets} of mixed UTF-8 text`
    : kind === "text"
    ? `${octets} of text`
    : octets;
  const who = mode === "client" ? "client, " : "";
  return `${who}${what}, ${depth} in flight, ${many} connection${connections === 1 ? "" : "s"}`;
}
