// docs/reference/options.md, made from the docstrings of the options, and from the tables by which they are checked.

import { ADOPT_OPTIONS as BUN_OPTIONS } from "../../runtimes/bun/adopt.ts";
import { ATTACH_OPTIONS } from "../../runtimes/node/attach.ts";
import { REDIS_OPTIONS } from "../../runtimes/redis/driver.ts";
import { BROWSER_DEFAULTS, BROWSER_OPTIONS } from "../../src/browser/connect.ts";
import { CONNECT_OPTIONS } from "../../src/client/connect.ts";
import { PROXY_OPTIONS } from "../../src/client/proxy.ts";
import { HOOKS } from "../../src/connection/check_handler.ts";
import { CONNECTION_DEFAULTS, CONNECTION_LIMITS } from "../../src/connection/limits.ts";
import { TRACE_OPTIONS } from "../../src/connection/trace.ts";
import { COMPRESSION_DEFAULTS, COMPRESSION_OPTIONS } from "../../src/deflate/options.ts";
import { RECEIVE_OPTIONS } from "../../src/connection/connection.ts";
import { FILE_OPTIONS } from "../../src/files/file_handler.ts";
import { FORM_DEFAULTS, FORM_OPTIONS } from "../../src/server/form.ts";
import { GUARD_DEFAULTS, GUARD_OPTIONS } from "../../src/guard/options.ts";
import { RECONNECT_DEFAULTS } from "../../src/reconnect/options.ts";
import { RECONNECT_OPTIONS } from "../../src/reconnect/reconnect.ts";
import { SEND_OPTIONS } from "../../src/protocol/sendable.ts";
import { ADOPTION_OPTIONS, SERVE_OPTIONS, SERVER_DEFAULTS } from "../../src/server/options.ts";
import { CLOSE_OPTIONS } from "../../src/server/shutdown.ts";
import { UPGRADE_OPTIONS } from "../../src/server/upgrade.ts";
import { READ_OPTIONS } from "../../src/topics/history.ts";
import { HISTORY_OPTIONS } from "../../src/topics/history_rules.ts";
import { PUBLISH_OPTIONS, SUBSCRIBE_OPTIONS } from "../../src/topics/hub.ts";
import { TOPICS_OPTIONS } from "../../src/topics/topics.ts";
import { CERTIFICATE_OPTIONS } from "../../src/transport/certificate.ts";
import { TLS_CLIENT_OPTIONS, TLS_SERVER_OPTIONS } from "../../src/transport/tls.ts";
import { type OptionRule, unjudged } from "../../src/util/check_options.ts";
import { read } from "../structure/sources.ts";

type Table = Readonly<Record<string, OptionRule>>;

/** One option, as its docstring has it. */
export interface Option {
  /** Its name. */
  readonly name: string;
  /** Whether it may be left out. */
  readonly optional: boolean;
  /** The first sentence of its docstring, and the version that it came with, if not the first. */
  readonly meaning: string;
  /** What it is when it is left out, if the docstring says so. */
  readonly default: string | undefined;
}

/** The options of one type. */
export interface Section {
  /** Its heading. */
  readonly title: string;
  /** What stands before the table. */
  readonly text?: string;
  /** The files and the interfaces that declare them. */
  readonly declared: readonly (readonly [file: string, type: string])[];
  /** What each may be. Others that the interfaces declare are left out. */
  readonly table: Table;
  /** The group that they are in, as in `guard.maxConnections`. */
  readonly group?: string;
  /** Their defaults in the code. */
  readonly defaults?: object;
  /** The calls to name beside each, where they take it. */
  readonly calls?: readonly string[];
  /** What stands for the default where there is none. Default: "required". */
  readonly required?: string;
}

const OPTIONS = "src/server/options.ts";
const LIMITS = "src/connection/limits.ts";

/** What the page has, in order. */
export const sections: readonly Section[] = [
  {
    title: "Connections, on both ends",
    declared: [[LIMITS, "ConnectionLimits"]],
    table: CONNECTION_LIMITS,
    defaults: CONNECTION_DEFAULTS,
    calls: ["serve", "attach", "adopt", "connect"],
  },
  {
    title: "heartbeat",
    declared: [[LIMITS, "HeartbeatOptions"]],
    table: CONNECTION_LIMITS.heartbeat.table!,
    group: "heartbeat",
    defaults: CONNECTION_DEFAULTS.heartbeat,
    calls: ["serve", "attach", "adopt", "connect"],
  },
  {
    title: "trace",
    declared: [["src/connection/trace.ts", "TraceOptions"]],
    table: TRACE_OPTIONS,
    group: "trace",
    calls: ["serve", "attach", "adopt", "connect"],
  },
  {
    title: "compression",
    text: "`true` stands for all defaults.",
    declared: [["src/deflate/options.ts", "CompressionOptions"]],
    table: COMPRESSION_OPTIONS,
    group: "compression",
    defaults: COMPRESSION_DEFAULTS,
    calls: ["serve", "attach", "adopt", "connect"],
  },
  {
    title: "Servers",
    declared: [[OPTIONS, "ListeningOptions"], [OPTIONS, "ServerOptions"]],
    table: SERVE_OPTIONS,
    defaults: SERVER_DEFAULTS,
    calls: ["serve", "attach", "adopt"],
  },
  {
    title: "guard",
    text: "Each is a number, and `Infinity` turns it off.",
    declared: [["src/guard/options.ts", "GuardOptions"]],
    table: GUARD_OPTIONS,
    group: "guard",
    defaults: GUARD_DEFAULTS,
    calls: ["serve", "attach", "adopt"],
  },
  {
    title: "tls of a server",
    declared: [
      ["src/transport/tls.ts", "TlsCommonOptions"],
      ["src/transport/tls.ts", "TlsServerOptions"],
    ],
    table: TLS_SERVER_OPTIONS,
    group: "tls",
  },
  {
    title: "What a server does",
    text: "One of the three, or `fetch` beside `routes`.",
    required: "one of them",
    declared: [[OPTIONS, "RouteServerOptions"], [OPTIONS, "WebSocketServerOptions"]],
    table: {
      routes: SERVE_OPTIONS.routes,
      fetch: SERVE_OPTIONS.fetch,
      websocket: SERVE_OPTIONS.websocket,
    },
  },
  {
    title: "attach()",
    text: "Besides those above.",
    declared: [["runtimes/node/attach.ts", "AttachOptions"]],
    table: ATTACH_OPTIONS,
  },
  {
    title: "adopt() on Bun",
    text: "Besides those above.",
    declared: [["runtimes/bun/adopt.ts", "AdoptOptions"]],
    table: BUN_OPTIONS,
  },
  {
    title: "upgrade(), and a socket among the routes",
    declared: [["src/server/upgrade.ts", "UpgradeOptions"]],
    table: UPGRADE_OPTIONS,
  },
  {
    title: "The hooks of a handler",
    text: "What is no hook.",
    declared: [["src/connection/handler.ts", "WebSocketHooks"]],
    table: { streamFrom: HOOKS.streamFrom },
  },
  {
    title: "close() of a server",
    declared: [["src/server/shutdown.ts", "ServerCloseOptions"]],
    table: CLOSE_OPTIONS,
  },
  {
    title: "connect(), WebSocket and WebSocketStream",
    text: "Besides those of connections. `new WebSocket()` takes no `signal`.",
    declared: [
      ["src/client/connect.ts", "ConnectOptions"],
      ["src/transport/addresses.ts", "AddressOptions"],
    ],
    table: CONNECT_OPTIONS,
  },
  {
    title: "reconnect()",
    text: "Besides those of `connect()`, without `overflow`.",
    declared: [
      ["src/reconnect/options.ts", "ReconnectSettings"],
      ["src/reconnect/reconnect.ts", "ReconnectOptions"],
    ],
    table: RECONNECT_OPTIONS,
    defaults: RECONNECT_DEFAULTS,
  },
  {
    title: "connect() in a browser",
    text:
      "Those of other runtimes are refused. `reconnect()` there adds its own, without `resend`.",
    declared: [
      ["src/browser/connection.ts", "BrowserLimits"],
      ["src/browser/connect.ts", "BrowserConnectOptions"],
    ],
    table: Object.fromEntries(
      Object.entries(BROWSER_OPTIONS)
        .filter(([, [, test]]) => test !== undefined)
        .map(([name, [expected]]) => [name, unjudged(expected)]),
    ),
    defaults: BROWSER_DEFAULTS,
  },
  {
    title: "tls of a client",
    declared: [
      ["src/transport/tls.ts", "TlsCommonOptions"],
      ["src/transport/tls.ts", "TlsClientOptions"],
    ],
    table: TLS_CLIENT_OPTIONS,
    group: "tls",
  },
  {
    title: "proxy",
    text: "When it is an object.",
    declared: [["src/client/proxy.ts", "ProxyOptions"]],
    table: PROXY_OPTIONS,
    group: "proxy",
  },
  {
    title: "send() and PreparedMessage",
    declared: [["src/protocol/sendable.ts", "SendOptions"]],
    table: SEND_OPTIONS,
  },
  {
    title: "publish()",
    text: "Besides those of `send()`.",
    declared: [["src/connection/publishing.ts", "PublishOptions"]],
    table: PUBLISH_OPTIONS,
  },
  {
    title: "createTopics()",
    declared: [["src/topics/topics.ts", "TopicsOptions"]],
    table: TOPICS_OPTIONS,
  },
  {
    title: "history of createTopics()",
    text: "Each rule of the list.",
    declared: [["src/topics/history_rules.ts", "HistoryRule"]],
    table: HISTORY_OPTIONS,
  },
  {
    title: "subscribe() of a connection",
    declared: [["src/connection/publishing.ts", "SubscribeOptions"]],
    table: SUBSCRIBE_OPTIONS,
  },
  {
    title: "topics.history()",
    declared: [["src/topics/history.ts", "HistoryOptions"]],
    table: READ_OPTIONS,
  },
  {
    title: "redisBackplane()",
    declared: [["runtimes/redis/driver.ts", "RedisBackplaneOptions"]],
    table: REDIS_OPTIONS,
  },
  {
    title: "serveFiles()",
    text: "`serveFile()` has `cacheControl`.",
    declared: [
      ["src/files/file_handler.ts", "FileOptions"],
      ["src/files/file_handler.ts", "SingleFileOptions"],
    ],
    table: FILE_OPTIONS,
  },
  {
    title: "readForm()",
    declared: [["src/server/form.ts", "FormOptions"]],
    table: FORM_OPTIONS,
    defaults: FORM_DEFAULTS,
  },
  {
    title: "receive() of a connection",
    declared: [["src/connection/message.ts", "ReceiveOptions"]],
    table: RECEIVE_OPTIONS,
  },
  {
    title: "createDevelopmentCertificate()",
    declared: [["src/transport/certificate.ts", "DevelopmentCertificateOptions"]],
    table: CERTIFICATE_OPTIONS,
  },
];

const CALLS: Readonly<Record<string, Table>> = {
  serve: SERVE_OPTIONS,
  attach: ATTACH_OPTIONS,
  adopt: ADOPTION_OPTIONS,
  connect: CONNECT_OPTIONS,
};

/** The options of a section, in the order of their declaration. */
export function optionsOf({ declared, table }: Section): Option[] {
  const options: Option[] = [];
  for (const [file, type] of declared) {
    for (const option of membersOf(read(file), type)) {
      if (!Object.hasOwn(table, option.name)) continue;
      if (options.some(({ name }) => name === option.name)) continue;
      options.push(option);
    }
  }
  return options;
}

/** What an interface declares, without what another type forbids by "never". */
export function membersOf(code: string, type: string): Option[] {
  const start = code.search(new RegExp(`^export interface ${type}\\b`, "m"));
  if (start < 0) throw new Error(`Expected the interface ${type}`);
  const body = code.slice(start, code.indexOf("\n}\n", start));
  const members = /^ {2}\/\*\*((?:(?!\*\/)[^])*)\*\/\n {2}readonly (\w+)(\?)?: (.*)/gm;
  return [...body.matchAll(members)]
    .filter(([, , , , value = ""]) => !value.startsWith("never"))
    .map(([, doc = "", name = "", mark]) => ({
      name,
      optional: mark !== undefined,
      ...readDoc(doc),
    }));
}

function readDoc(doc: string): Pick<Option, "meaning" | "default"> {
  const all = doc.replace(/^ *\* ?/gm, "").replace(/\{@linkcode (\w+)\}/g, "`$1`");
  const [, since] = /^@since (\S+)/m.exec(all) ?? [];
  // The tags stand behind the text.
  const text = all.replace(/^@\w+ [^]*/m, "");
  const paragraph = text.trim().split("\n\n")[0]!.replace(/\s+/g, " ");
  const [, value] = /Default: (`[^`]+`|"[^"]*"|[^.,]+(?:[.,]\S[^.,]*)*)/.exec(
    text.replace(/\s+/g, " "),
  ) ?? [];
  const [meaning = ""] = /^.*?\.(?= [A-Z`"]|$)/.exec(paragraph) ?? [];
  const mark = since === undefined ? "" : ` Since ${since}.`;
  return { meaning: meaning.replace(/ Default: .*$/, "") + mark, default: value?.trim() };
}

/** The whole page. */
export function formatPage(): string {
  const parts = sections.map((section) => {
    const { title, text, group } = section;
    const heading = group === undefined ? "##" : "###";
    return [`${heading} ${title}`, text, formatTable(section)]
      .filter((part) => part !== undefined).join("\n\n");
  });
  return `${HEAD}\n\n${parts.join("\n\n")}\n`;
}

const HEAD = `# Options

<!-- Written by "npm run docs:options" from the docstrings and checks in src/; a test compares the two. -->

All options of all calls: what each takes, its default and its meaning. The docstring of an option
says more. A name that is unknown is refused, and so is a value of the wrong kind; \`undefined\`
counts as absent. A number without an upper end may be \`Infinity\`, for no limit. An option is in
version 0.1.0, unless its meaning names a later one.`;

function formatTable(section: Section): string {
  const { table, group, calls, required = "required" } = section;
  const head = ["option", ...(calls ? ["of"] : []), "takes", "default", "meaning"];
  const rows = optionsOf(section).map(({ name, optional, meaning, default: value }) => [
    `\`${group === undefined ? name : `${group}.${name}`}\``,
    ...(calls ? [callsOf(name, section).join(", ")] : []),
    table[name]!.expected,
    optional ? asCode(value ?? "") : required,
    meaning,
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((cells) => cells[i]!.length)));
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const line = widths.map((width) => "-".repeat(width));
  return [head, line, ...rows].map(format).join("\n");
}

/** A value is code, a description is not. */
function asCode(value: string): string {
  return /^(?:"|\d|(?:true|false|undefined)$|Infinity)/.test(value) ? `\`${value}\`` : value;
}

function callsOf(name: string, { table, group, calls = [] }: Section): readonly string[] {
  return calls.filter((call) => {
    const inner = group === undefined ? CALLS[call] : CALLS[call]?.[group]?.table;
    // `attach()` has a `path` that is another.
    return inner?.[name]?.expected === table[name]?.expected;
  });
}
