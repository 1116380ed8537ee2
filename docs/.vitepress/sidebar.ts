// What the site's sidebar lists, in order. A page that is missing here is found by a test.

import jsr from "../../jsr.json" with { type: "json" };
import { slug } from "./slug.ts";

/** A link of the sidebar. */
interface Item {
  readonly text: string;
  readonly link: string;
}

/** Links under one heading. */
interface Group {
  readonly text: string;
  readonly link?: string;
  /** Whether its items are shown only on their page, or when the reader opens it; needs a link. */
  readonly collapsed?: boolean;
  readonly items: Item[];
}

/** The pages that people write, in groups. */
export const groups: readonly Group[] = [
  {
    text: "Learn",
    items: [
      { text: "In five minutes", link: "/README" },
      { text: "The first server", link: "/learn/first-server" },
      { text: "The first client", link: "/learn/first-client" },
      { text: "A chat in 12 steps", link: "/learn/chat" },
      { text: "How WebSocket works", link: "/learn/protocol" },
      { text: "Programs of tutorials", link: "/learn/tutorial" },
    ],
  },
  {
    text: "Guides: servers",
    items: [
      { text: "Routes and pages", link: "/guides/routes" },
      { text: "Handlers", link: "/guides/servers" },
      { text: "Connections", link: "/guides/connections" },
      { text: "Authentication", link: "/guides/authentication" },
      { text: "Origins and hosts", link: "/guides/origins" },
      { text: "Heartbeat and time limits", link: "/guides/heartbeat" },
      { text: "Shutdown", link: "/guides/shutdown" },
      { text: "Monitoring", link: "/guides/monitoring" },
      { text: "Frameworks", link: "/guides/frameworks" },
    ],
  },
  {
    text: "Guides: messages",
    items: [
      { text: "Backpressure", link: "/guides/backpressure" },
      { text: "Streaming", link: "/guides/streaming" },
      { text: "Compression", link: "/guides/compression" },
      { text: "Topics", link: "/guides/topics" },
      { text: "Scaling", link: "/guides/scaling" },
    ],
  },
  {
    text: "Guides: clients and more",
    items: [
      { text: "Clients and reconnecting", link: "/guides/client" },
      { text: "Browsers", link: "/guides/browsers" },
      { text: "Proxies", link: "/guides/proxies" },
      { text: "Testing", link: "/guides/testing" },
      { text: "The core", link: "/guides/core" },
    ],
  },
  {
    text: "Look up",
    items: [
      { text: "Options", link: "/reference/options" },
      { text: "Errors and codes", link: "/reference/errors" },
      { text: "API reference", link: "/reference/api/" },
      { text: "Changelog", link: "/CHANGELOG" },
    ],
  },
  {
    text: "Deploy",
    link: "/deploy",
    collapsed: true,
    items: [
      { text: "All of it", link: "/deploy" },
      ...["nginx", "Caddy", "HAProxy", "TLS", "Idle connections", "systemd", "Docker", "Kubernetes"]
        .map((text) => ({ text, link: `/deploy#${slug(text)}` })),
    ],
  },
  {
    text: "Coming from",
    link: "/migrating",
    collapsed: true,
    items: [
      { text: "All libraries", link: "/migrating" },
      ...["ws", "Bun", "Deno", "socket.io", "crossws", "Python's websockets", "Tornado"]
        .concat("gevent-websocket", "Django Channels", "uWebSockets.js", "dwebsocket")
        .map((text) => ({ text, link: `/migrating#${slug(text)}` })),
    ],
  },
  {
    text: "The project",
    items: [
      { text: "Comparison", link: "/comparison" },
      { text: "Proofs of the comparison", link: "/comparison-proofs" },
      { text: "Conformance", link: "/conformance" },
      { text: "Interoperability", link: "/interop" },
      { text: "Performance", link: "/performance" },
      { text: "Security", link: "/SECURITY" },
      { text: "Architecture", link: "/ARCHITECTURE" },
      { text: "Contributing", link: "/CONTRIBUTING" },
    ],
  },
];

/**
 * The entry points, of which the reference has a page each. The members of one are listed there:
 * hundreds of them in the sidebar of hundreds of pages took longer than all else.
 */
const reference: Group = {
  text: "API reference",
  link: "/reference/api/",
  items: Object.keys(jsr.exports).map((name) => {
    const text = `@sansocket/ws${name.slice(1)}`;
    return { text, link: `/reference/api/${text}/` };
  }),
};

/** By the beginning of an address, what the sidebar lists. */
export const sidebar: Record<string, Group[]> = {
  "/reference/api/": [reference, ...groups],
  "/": [...groups],
};
