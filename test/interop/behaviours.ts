// What must work with every foreign peer: one list for our client, one for our server.
//
// The server of every test, ours or foreign, plays one script. It echoes, except that the text
// "close CODE REASON" makes it close, "ping" makes it ping and report the pong, and "fragments"
// makes it send FRAGMENTS in as many frames.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionClosed } from "@sansocket/ws";
import type { CloseInfo, WebSocketConnection } from "@sansocket/ws";
import type { Ability, Message, PeerConnection } from "./peer.ts";

/** The parts of the message that is sent in fragments. */
export const FRAGMENTS: readonly string[] = ["Grü", "", "ße ", "☎".repeat(30_000), "!"];
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

interface Behaviour {
  /** The part of a test's name that follows the peer's. */
  readonly criterion: string;
  /** What the peer must be able to do. */
  readonly needs?: Ability;
  /** The subprotocols that the client offers. */
  readonly protocols?: string[];
}

/** What our client does with a foreign server. */
export interface ClientBehaviour extends Behaviour {
  /** Uses the connection; `closed` is what the foreign server sees of its end. */
  body(ws: WebSocketConnection, closed: Promise<PeerClose>): Promise<void>;
}

/** What our server does with a foreign client. */
export interface ServerBehaviour extends Behaviour {
  /** Uses the connection; `closed` is what our server sees of its end. */
  body(peer: PeerConnection, closed: Promise<CloseInfo>): Promise<void>;
}

/** What a peer sees of a connection's end. */
export interface PeerClose {
  /** The close code. */
  readonly code: number;
  /** The reason. */
  readonly reason: string;
}

/** What must work with every foreign server. */
export const clientBehaviours: readonly ClientBehaviour[] = [
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
    needs: "subprotocol",
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
    needs: "reason",
    async body(ws, closed) {
      ws.close(4001, "Grüße");
      assertEquals(await closed, { code: 4001, reason: "Grüße" });
      const { code, wasClean, initiator } = await ws.closed;
      assertEquals({ code, wasClean, initiator }, {
        code: 4001,
        wasClean: true,
        initiator: "local",
      });
    },
  },
  {
    criterion: "reports the peer's close code and reason",
    needs: "reason",
    async body(ws, closed) {
      await ws.send("close 4002 Bis später");
      const { code, reason, wasClean, initiator } = await ws.closed;
      assertEquals({ code, reason, wasClean, initiator }, {
        code: 4002,
        reason: "Bis später",
        wasClean: true,
        initiator: "remote",
      });
      await assertRejects(() => ws.receive(), ConnectionClosed);
      assertEquals((await closed).code, 4002);
    },
  },
];

/** What must work with every foreign client. */
export const serverBehaviours: readonly ServerBehaviour[] = [
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
    needs: "subprotocol",
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
    needs: "reason",
    async body(peer, closed) {
      peer.send("close 4002 Bis später");
      assertEquals(await peer.closed, { code: 4002, reason: "Bis später" });
      const { code, wasClean, initiator } = await closed;
      assertEquals({ code, wasClean, initiator }, {
        code: 4002,
        wasClean: true,
        initiator: "local",
      });
    },
  },
  {
    criterion: "reports the peer's close code and reason",
    needs: "reason",
    async body(peer, closed) {
      peer.close(4001, "Grüße");
      const { code, reason, initiator } = await closed;
      assertEquals({ code, reason, initiator }, {
        code: 4001,
        reason: "Grüße",
        initiator: "remote",
      });
      assertEquals((await peer.closed).code, 4001);
    },
  },
  {
    criterion: "ends cleanly when the peer closes",
    needs: "answer",
    async body(peer, closed) {
      peer.close(4001, "");
      const { code, wasClean, cause } = await closed;
      assertEquals({ code, wasClean, cause }, { code: 4001, wasClean: true, cause: undefined });
    },
  },
];

/** The close code and reason that a message of the script asks for. */
export function parseClose(message: Message): PeerClose | undefined {
  const match = typeof message === "string" && /^close (\d+) (.*)$/.exec(message);
  return match ? { code: Number(match[1]), reason: match[2] ?? "" } : undefined;
}

function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}
