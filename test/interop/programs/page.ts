// A page's WebSocket as a peer: scripts in a browser's page, and what the test makes of them.
//
// 1. Messages cross from and to the page as JSON, binary ones in base64.
// 2. A connection in two takes its binary messages as Blobs, and sends them so; the others use
//    ArrayBuffers. Each kind gets small and large messages, see the list in behaviours.ts.

import { Buffer } from "node:buffer";
import { Queue, toBytes } from "../peer.ts";
import type { Message, PeerClient } from "../peer.ts";
import { startBrowser } from "./browser.ts";
import type { Browser, Page } from "./browser.ts";

/** The `peer` of the page; JavaScript, because it runs there as it is. */
const PAGE_SCRIPT = `(() => {
  let socket, messages, wake, tail;
  const toBytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const toBase64 = (bytes) => {
    let text = "";
    for (let i = 0; i < bytes.length; i += 4096) {
      text += String.fromCharCode(...bytes.subarray(i, i + 4096));
    }
    return btoa(text);
  };
  const push = (message) => {
    messages.push(message);
    wake?.();
  };
  globalThis.peer = {
    open: (url, protocols, binaryType) => new Promise((resolve) => {
      messages = [];
      tail = Promise.resolve();
      socket = new WebSocket(url, protocols);
      socket.binaryType = binaryType;
      socket.onopen = () => resolve(JSON.stringify({ protocol: socket.protocol }));
      socket.onmessage = ({ data }) => {
        // In line, because a Blob takes a while to read.
        tail = tail.then(async () => {
          if (typeof data === "string") return push({ text: data });
          if ((data instanceof Blob) !== (binaryType === "blob")) throw new Error("binaryType");
          push({ binary: toBase64(new Uint8Array(await new Response(data).arrayBuffer())) });
        });
      };
      socket.onclose = ({ code, reason }) => {
        resolve("{}");
        tail.then(() => push({ closed: { code, reason } }));
      };
    }),
    text: (text) => (socket.send(text), ""),
    binary(base64) {
      const bytes = toBytes(base64);
      socket.send(socket.binaryType === "blob" ? new Blob([bytes]) : bytes);
      return "";
    },
    close: (...args) => (socket.close(...args), ""),
    async next() {
      if (messages.length === 0) await new Promise((resolve) => wake = resolve);
      return JSON.stringify(messages.splice(0));
    },
  };
  return "";
})()`;

interface Heard {
  readonly text?: string;
  readonly binary?: string;
  readonly closed?: { code: number; reason: string };
}

/** The WebSocket of a browser's pages. */
export function pageClient(browser: Browser): PeerClient {
  let page: Page;
  let connections = 0;
  const ask = (name: string, ...args: unknown[]) =>
    page.evaluate(`peer.${name}(${args.map((value) => JSON.stringify(value)).join(", ")})`);

  return {
    name: `a page in ${browser.name}`,
    cannot: {
      ping: "the WHATWG interface has no ping()",
      fragment: "the WHATWG interface sends each message in one frame",
      status: "the WHATWG interface hides why a handshake failed",
    },
    program: { missing: browser.executable ? undefined : `no ${browser.name}` },
    async start() {
      page = await startBrowser(browser, PAGE_SCRIPT);
      return page;
    },
    async connect(url, protocols) {
      const binaryType = connections++ % 2 === 0 ? "blob" : "arraybuffer";
      const { protocol } = JSON.parse(await ask("open", url, protocols, binaryType));
      if (protocol === undefined) throw new Error("The handshake failed");
      const messages = new Queue<Message>();
      const closed = new Queue<{ code: number; reason: string }>();
      const fail = (error: Error) => [messages, closed].forEach((queue) => queue.fail(error));
      const listen = async (): Promise<void> => {
        for (const heard of JSON.parse(await ask("next")) as Heard[]) {
          if (heard.text !== undefined) messages.push(heard.text);
          if (heard.binary !== undefined) {
            messages.push(toBytes(Buffer.from(heard.binary, "base64")));
          }
          if (heard.closed) return closed.push(heard.closed);
        }
        return await listen();
      };
      listen().catch(fail);
      // One at a time: nothing promises that scripts start in the order they were sent in.
      let tail: Promise<unknown> = Promise.resolve();
      const inOrder = (name: string, ...args: unknown[]) => {
        tail = tail.then(() => ask(name, ...args)).catch(fail);
      };
      return {
        protocol,
        send(message) {
          if (typeof message === "string") inOrder("text", message);
          else inOrder("binary", Buffer.from(message).toString("base64"));
        },
        close: (code, reason) => inOrder("close", ...(code === undefined ? [] : [code, reason])),
        receive: () => messages.shift(),
        closed: closed.shift(),
      };
    },
  };
}
