// docs/interop.md, made from what the tests are made from: the behaviours, and what each peer says of
// itself. Only which peer runs where is written here once more.

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

What is tested with WebSocket programs that are not ours, each a real one that the tests start
themselves, on loopback. \`.ci/run\` installs all of the programs; a test for one that is missing is
skipped elsewhere and fails there.

This page is made from the tests' own tables, and a test fails when it is out of date. This writes it:

\`\`\`sh
UPDATE=1 npx vitest run test/interop/programs/matrix_test.ts
\`\`\`

## Our client

Each foreign server is shown that \`connect()\`

${list(clientBehaviours, ["is told the status of a refusal"])}

${table(servers)}

Behind nginx both ends are ours; that an idle connection is cut there is shown too.

## Our server

Each foreign client is shown that \`serve()\`

${list(serverBehaviours, ["refuses a handshake with a status"])}

${table(clients)}

Pages send and get binary messages both as Blobs and as ArrayBuffers. Our own client is what drives
both browsers, over the DevTools protocol and WebDriver BiDi.

## Compression

Everything is shown twice: with our compression off, where the peer has its own switched on all the
same, so that an offer is declined; and with it on, where permessage-deflate must be negotiated. Where
the table says more than "yes", that is what ours is set to for this peer.
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
