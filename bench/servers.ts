// What is measured against what: programs, and the runtime that each runs on.

/** A family of runtimes: the columns of the report. */
export type Family = "node" | "bun" | "deno";

/** A runtime that programs run on: "node20", "bun". */
export type RuntimeName = "bun" | "deno" | `node${number}`;

/** What speaks. "native" is the WebSocket that the runtime itself has; "raw" a plain TCP echo. */
export type Engine = "ours" | "ws" | "ws-bufferutil" | "crossws" | "undici" | "native" | "raw";

/** A program on a runtime. */
export interface Subject {
  /** Such as "ours-node20". */
  readonly name: string;
  readonly engine: Engine;
  readonly runtime: RuntimeName;
  /** The server's program below bench/, if there is a server. */
  readonly server?: string;
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

const withoutAddon = { WS_NO_BUFFER_UTIL: "1" };

type Draft = Omit<Subject, "name" | "runtime" | "compresses" | "environment"> & Partial<Subject>;

const onNode: readonly Draft[] = [
  { engine: "ours", server: "ours/server.mjs", client: "ours", compresses: true },
  {
    engine: "ws",
    server: "peers/ws.mjs",
    client: "ws",
    compresses: true,
    environment: withoutAddon,
  },
  { engine: "ws-bufferutil", server: "peers/ws.mjs", client: "ws", compresses: true },
  { engine: "crossws", server: "peers/crossws.mjs", environment: withoutAddon },
  { engine: "undici", client: "undici" },
  { engine: "raw", server: "peers/raw_node.mjs" },
];

const onBun: readonly Draft[] = [
  { engine: "ours", server: "ours/server.mjs", client: "ours", compresses: true },
  { engine: "native", server: "peers/bun_serve.mjs", client: "native", compresses: true },
  { engine: "raw", server: "peers/raw_bun.mjs" },
];

const onDeno: readonly Draft[] = [
  { engine: "ours", server: "ours/server.mjs", client: "ours", compresses: true },
  { engine: "native", server: "peers/deno_serve.mjs", client: "native" },
  { engine: "raw", server: "peers/raw_deno.mjs" },
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
  { mode, kind, compressed }: {
    readonly mode: string;
    readonly kind: string;
    readonly compressed: boolean;
  },
): boolean {
  if (mode === "client") return subject.client !== undefined;
  if (subject.server === undefined || (compressed && !subject.compresses)) return false;
  return subject.engine !== "raw" || (mode === "echo" && kind === "binary");
}
