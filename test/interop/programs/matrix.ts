// Makes docs/interop.md from the tables of the tests: the behaviours, and what each peer declares.
// Only which peer runs on which runtime is repeated here.

import * as undici from "undici";
import * as ws from "ws";
import type { RuntimeName } from "../../support/process.ts";
import { runtimeNames } from "../../support/process.ts";
import { clientBehaviours, serverBehaviours } from "../behaviours.ts";
import { bunServer, denoClient, denoServer, whatwgClient } from "../native_peer.ts";
import type { Peer } from "../peer.ts";
import { wsClient, wsServer } from "../ws_peer.ts";
import { chromium, firefox } from "./browser.ts";
import { javaClient } from "./java.ts";
import { lwsClient, lwsServer } from "./lws.ts";
import { nginxServer, overTls } from "./nginx.ts";
import { pageClient } from "./page.ts";
import {
  geventServer,
  tornadoClient,
  tornadoServer,
  websocketsClient,
  websocketsServer,
} from "./python.ts";
import { undiciClient } from "./undici.ts";

type Row = readonly [peer: Peer, on?: readonly RuntimeName[]];

const whatwg = undici.WebSocket as unknown as typeof WebSocket;

const servers: readonly Row[] = [
  [wsServer("a ws server", ws)],
  [wsServer("Bun's ws server", ws), ["bun"]],
  [denoServer, ["deno"]],
  [bunServer, ["bun"]],
  [websocketsServer],
  [tornadoServer],
  [geventServer],
  [lwsServer],
  [nginxServer],
];

const clients: readonly Row[] = [
  [wsClient("a ws client", ws)],
  [wsClient("Bun's ws client", ws), ["bun"]],
  [whatwgClient("undici's WebSocket", whatwg), ["node"]],
  [denoClient(whatwg), ["deno"]],
  [whatwgClient("the WebSocket of bun", whatwg), ["bun"]],
  [websocketsClient()],
  [tornadoClient],
  [lwsClient],
  [javaClient],
  [pageClient(chromium)],
  [pageClient(firefox)],
  [overTls(websocketsClient)],
  [overTls(undiciClient), ["node"]],
];

/** The page, in Markdown. */
export function formatMatrix(): string {
  return `# Interoperability

What the tests show with foreign WebSocket programs. Each is a real program, which the tests start on
loopback. \`.ci/run\` installs all of them: there a test fails when its program is missing, elsewhere it
is skipped.

This page is made from the tests' own tables, and a test fails when it is out of date. This command
writes it:

\`\`\`sh
UPDATE=1 npx vitest run test/interop/programs/matrix_test.ts
\`\`\`

## Our client

With each foreign server the tests show that \`connect()\`

${list(clientBehaviours, ["reports the status of a refusal"])}

${table(servers)}

Behind nginx both ends are ours. The tests also show that both notice when nginx cuts an idle
connection.

The client also connects through tinyproxy, squid and microsocks, with a user name and a password
and without, and through a tinyproxy behind the TLS of haproxy; each to a server with TLS and to one
without.

## Our server

With each foreign client the tests show that \`serve()\`

${list(serverBehaviours, ["refuses a handshake with a status"])}

${table(clients)}

Pages send and get binary messages both as Blobs and as ArrayBuffers. Our own client drives both
browsers, over the DevTools protocol and WebDriver BiDi.

## Compression

Each behaviour is tested twice. In one run our compression is off and that of the peer on, so that an offer is
declined. In the other run both are on, and both ends must negotiate permessage-deflate. Where the
table says more than "yes", it gives the setting of our compression for this peer.
`;
}

function list(behaviours: readonly { criterion: string }[], more: readonly string[]): string {
  const criteria = behaviours.map(({ criterion }) => criterion);
  return [...criteria, ...more].map((criterion) => `- ${criterion}`).join("\n");
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(([peer, on = runtimeNames]) => [
    peer.name,
    ...runtimeNames.map((name) => on.includes(name) ? "yes" : ""),
    compression(peer),
    leftOut(peer),
  ]);
  const head = ["Peer", "Node", "Deno", "Bun", "Compression", "Left out or set, and why"];
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

function compression({ cannot, compression }: Peer): string {
  if (cannot.compression) return "no";
  if (!compression) return "yes";
  const options = Object.entries(compression.options).map(([name, value]) => `${name}: ${value}`);
  return `\`{ ${options.join(", ")} }\``;
}

function leftOut({ cannot, compression }: Peer): string {
  const compressed = Object.entries(compression?.cannot ?? {})
    .map(([ability, why]) => `${ability}, with compression: ${why}`);
  return [
    ...Object.entries(cannot).map(([ability, why]) => `${ability}: ${why}`),
    ...(compression ? [`compression: ${compression.why}`] : []),
    ...compressed,
  ].join("; ");
}
