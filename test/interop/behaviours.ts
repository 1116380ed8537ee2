// What must work with every foreign peer: one list for our client, one for our server.
//
// The server of every test, ours or foreign, plays one script. It echoes, except that the text
// "close CODE REASON" makes it close, "ping" makes it ping and report the pong, and "fragments"
// makes it send FRAGMENTS in as many frames.

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { connect, ConnectionClosed, HandshakeError, serve } from "@sansocket/ws";
import type { CloseInfo, WebSocketConnection } from "@sansocket/ws";
import { test } from "../support/test.ts";
import { Queue } from "./peer.ts";
import type { Ability, Message, PeerClient, PeerConnection, PeerServer } from "./peer.ts";

const FRAGMENTS: readonly string[] = ["Grü", "", "ße ", "☎".repeat(30_000), "!"];
const MANY = 200;

const MESSAGES: [string, Message][] = [
  ["text", "Grüße ☎ 𝄞"],
  ["binary", pattern(256)],
  ["an empty text", ""],
  ["an empty binary message", new Uint8Array()],
  ["text of 125 octets", "x".repeat(125)],
  ["text of 126 octets", "x".repeat(126)],
  ["text of 70,000 octets", "aé☎𝄞".repeat(7_000)],
  ["binary of 70,000 octets", pattern(70_000)],
  ["binary of 1 MiB", pattern(1 << 20)],
];

interface ClientBehaviour {
  criterion: string;
  needs?: Ability;
  path?: string;
  protocols?: string[];
  body(ws: WebSocketConnection, server: Seen): Promise<void>;
}

interface ServerBehaviour {
  criterion: string;
  needs?: Ability;
  protocols?: string[];
  body(peer: PeerConnection, server: Queue<CloseInfo>): Promise<void>;
}

/** The closes that a foreign server has seen. */
type Seen = Queue<{ code: number; reason: string }>;

const clientBehaviours: ClientBehaviour[] = [
  ...MESSAGES.map(([what, message]): ClientBehaviour => ({
    criterion: `exchanges ${what}`,
    async body(ws) {
      await ws.send(message);
      assertEquals(await ws.receive(), message);
    },
  })),
  {
    criterion: "keeps the order of many messages",
    async body(ws) {
      for (let i = 0; i < MANY; i++) ws.send(`message ${i}`);
      for (let i = 0; i < MANY; i++) assertEquals(await ws.receive(), `message ${i}`);
    },
  },
  {
    criterion: "puts fragments together",
    needs: "fragment",
    async body(ws) {
      await ws.send("fragments");
      assertEquals(await ws.receive(), FRAGMENTS.join(""));
    },
  },
  {
    criterion: "agrees on a subprotocol",
    protocols: ["chat.v1", "chat.v2"],
    body: (ws) => Promise.resolve(assertEquals(ws.protocol, "chat.v2")),
  },
  {
    criterion: "has its ping answered",
    body: async (ws) => assert((await ws.ping()) >= 0),
  },
  {
    criterion: "answers a ping",
    needs: "ping",
    async body(ws) {
      await ws.send("ping");
      assertEquals(await ws.receive(), "pong: beat");
    },
  },
  {
    criterion: "closes with a code and a reason",
    async body(ws, seen) {
      ws.close(4001, "Grüße");
      assertEquals(await seen.shift(), { code: 4001, reason: "Grüße" });
      const { code, wasClean, initiator } = await ws.closed;
      assertEquals({ code, wasClean, initiator }, {
        code: 4001,
        wasClean: true,
        initiator: "local",
      });
    },
  },
  {
    criterion: "is told the peer's close code and reason",
    async body(ws, seen) {
      await ws.send("close 4002 Bis später");
      const { code, reason, wasClean, initiator } = await ws.closed;
      assertEquals({ code, reason, wasClean, initiator }, {
        code: 4002,
        reason: "Bis später",
        wasClean: true,
        initiator: "remote",
      });
      await assertRejects(() => ws.receive(), ConnectionClosed);
      assertEquals((await seen.shift()).code, 4002);
    },
  },
];

const serverBehaviours: ServerBehaviour[] = [
  ...MESSAGES.map(([what, message]): ServerBehaviour => ({
    criterion: `exchanges ${what}`,
    async body(peer) {
      peer.send(message);
      assertEquals(await peer.receive(), message);
    },
  })),
  {
    criterion: "keeps the order of many messages",
    async body(peer) {
      for (let i = 0; i < MANY; i++) peer.send(`message ${i}`);
      for (let i = 0; i < MANY; i++) assertEquals(await peer.receive(), `message ${i}`);
    },
  },
  {
    criterion: "puts fragments together",
    needs: "fragment",
    async body(peer) {
      peer.sendFragments?.(FRAGMENTS);
      assertEquals(await peer.receive(), FRAGMENTS.join(""));
    },
  },
  {
    criterion: "agrees on a subprotocol",
    protocols: ["chat.v1", "chat.v2"],
    body: (peer) => Promise.resolve(assertEquals(peer.protocol, "chat.v2")),
  },
  {
    criterion: "has its ping answered",
    async body(peer) {
      peer.send("ping");
      assertEquals(await peer.receive(), "pong");
    },
  },
  {
    criterion: "answers a ping",
    needs: "ping",
    async body(peer) {
      peer.ping?.("beat");
      assertEquals(await peer.pong?.(), "beat");
    },
  },
  {
    criterion: "closes with a code and a reason",
    async body(peer, seen) {
      peer.send("close 4002 Bis später");
      assertEquals(await peer.closed, { code: 4002, reason: "Bis später" });
      const { code, wasClean, initiator } = await seen.shift();
      assertEquals({ code, wasClean, initiator }, {
        code: 4002,
        wasClean: true,
        initiator: "local",
      });
    },
  },
  {
    criterion: "is told the peer's close code and reason",
    async body(peer, seen) {
      peer.close(4001, "Grüße");
      const { code, reason, wasClean, initiator } = await seen.shift();
      assertEquals({ code, reason, wasClean, initiator }, {
        code: 4001,
        reason: "Grüße",
        wasClean: true,
        initiator: "remote",
      });
      assertEquals((await peer.closed).code, 4001);
    },
  },
];

/** Registers the tests of our client with a foreign server. */
export function testClient(peer: PeerServer): void {
  for (const { criterion, needs, protocols = [], body } of clientBehaviours) {
    test(`connect() to ${peer.name} ${criterion}`, () =>
      withPeerServer(peer, async (url, seen) => {
        const ws = await connect(`${url}/script`, { protocols });
        await body(ws, seen);
        await ws.close();
      }), { skip: needs && peer.cannot[needs] });
  }
  test(`connect() to ${peer.name} is told the status of a refusal`, () =>
    withPeerServer(peer, async (url) => {
      const error = await assertRejects(() => connect(`${url}/refuse`), HandshakeError);
      assertEquals(error.status, 403);
      assertEquals(error.body, "Not here");
    }));
}

/** Registers the tests of our server with a foreign client. */
export function testServer(peer: PeerClient): void {
  for (const { criterion, needs, protocols = [], body } of serverBehaviours) {
    test(`serve() for ${peer.name} ${criterion}`, () =>
      withOurServer(async (url, seen) => {
        const connection = await peer.connect(`${url}/script`, protocols);
        await body(connection, seen);
        connection.close();
        await connection.closed;
      }), { skip: needs && peer.cannot[needs] });
  }
  test(`serve() for ${peer.name} refuses`, () =>
    withOurServer(async (url) => {
      const error = await assertRejects(() => peer.connect(`${url}/refuse`, []));
      assertInstanceOf(error, Error);
      if (!peer.cannot.status) assert(error.message.includes("403"), error.message);
    }));
}

async function withPeerServer(
  peer: PeerServer,
  body: (url: string, seen: Seen) => Promise<void>,
): Promise<void> {
  const seen: Seen = new Queue();
  const server = await peer.start({
    message(socket, message) {
      const command = parseClose(message);
      if (command) socket.close(command.code, command.reason);
      else if (message === "ping") socket.ping?.("beat");
      else if (message === "fragments") socket.sendFragments?.(FRAGMENTS);
      else socket.send(message);
    },
    pong: (socket, data) => socket.send(`pong: ${data}`),
    close: (code, reason) => seen.push({ code, reason }),
  });
  try {
    await body(`ws://127.0.0.1:${server.port}`, seen);
  } finally {
    await server.stop();
  }
}

async function withOurServer(
  body: (url: string, seen: Queue<CloseInfo>) => Promise<void>,
): Promise<void> {
  const seen = new Queue<CloseInfo>();
  const script = {
    message(ws: WebSocketConnection, message: Message): void {
      const command = parseClose(message);
      if (command) ws.close(command.code, command.reason);
      // Not awaited here: while a hook runs nothing is parsed, so it would wait for itself.
      else if (message === "ping") ws.ping().then(() => ws.send("pong"));
      else ws.send(message);
    },
    close: (_ws: WebSocketConnection, info: CloseInfo) => seen.push(info),
  };
  const server = await serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, { upgrade }) {
      if (new URL(request.url).pathname === "/refuse") {
        return new Response("Not here", { status: 403 });
      }
      const offer = request.headers.get("sec-websocket-protocol") ?? "";
      return upgrade(script, offer.includes("chat.v2") ? { protocol: "chat.v2" } : {});
    },
  });
  try {
    await body(`ws://127.0.0.1:${server.port}`, seen);
  } finally {
    await server.close();
  }
}

function parseClose(message: Message): { code: number; reason: string } | undefined {
  const match = typeof message === "string" && /^close (\d+) (.*)$/.exec(message);
  return match ? { code: Number(match[1]), reason: match[2] ?? "" } : undefined;
}

function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}
