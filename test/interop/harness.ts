// Plays the behaviours with a peer, as tests.
//
// 1. A peer inside this process gets one test for each behaviour, a program one test for all: its
//    start would take longer than what is shown.
// 2. Every peer that knows permessage-deflate has it switched on, always. Ours is off in one round,
//    which shows that an offer is declined, and on in the next.
// 3. What is not installed skips a test, and says so; on CI nothing is skipped for that.

import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { connect, HandshakeError, serve } from "@sansocket/ws";
import type { CloseInfo, CompressionOptions, WebSocketConnection } from "@sansocket/ws";
import process from "node:process";
import { test } from "../support/test.ts";
import { clientBehaviours, FRAGMENTS, parseClose, serverBehaviours } from "./behaviours.ts";
import type { PeerClose } from "./behaviours.ts";
import { Queue } from "./peer.ts";
import type { Ability, Message, Peer, PeerClient, PeerServer } from "./peer.ts";

/** One thing to show with a peer that runs. */
interface Part {
  readonly criterion: string;
  /** Why it cannot be shown. */
  readonly skip: string | undefined;
  run(): Promise<void>;
}

/** Whether our side offers or accepts permessage-deflate, and how. */
interface Round {
  readonly compression: boolean | CompressionOptions;
}

interface Running {
  stop(): Promise<void>;
}

/** Registers the tests of our client with a foreign server. */
export function testClient(peer: PeerServer): void {
  for (const round of rounds(peer)) {
    let closes = new Queue<PeerClose>();
    let url = "";
    const start = async () => {
      const server = await peer.start({
        message(socket, message) {
          const command = parseClose(message);
          if (command) socket.close(command.code, command.reason);
          else if (message === "ping") socket.ping?.("beat");
          else if (message === "fragments") socket.sendFragments?.(FRAGMENTS);
          else socket.send(message);
        },
        pong: (socket, data) => socket.send(`pong: ${data}`),
        close: (code, reason) => closes.push({ code, reason }),
      });
      url = `ws://127.0.0.1:${server.port}${server.prefix ?? ""}`;
      return server;
    };
    const parts = clientBehaviours.map(({ criterion, needs, protocols = [], body }): Part => ({
      criterion,
      skip: needs && whyNot(peer, round, needs),
      async run() {
        closes = new Queue();
        const closed = closes.shift();
        const ws = await connect(`${url}/script`, { protocols, ...round });
        assertExtensions(ws.extensions, round);
        await body(ws, closed);
        await ws.close();
        await closed;
      },
    }));
    parts.push({
      criterion: "reports the status of a refusal",
      skip: undefined,
      async run() {
        const attempt = () => connect(`${url}/refuse`, round);
        const error = await assertRejects(attempt, HandshakeError);
        assertEquals(error.status, 403);
        if (!peer.cannot.body) assertEquals(error.body, "Not here");
      },
    });
    register(`connect()${title(round)} to ${peer.name}`, peer, parts, start);
  }
}

/** Registers the tests of our server with a foreign client. */
export function testServer(peer: PeerClient): void {
  for (const round of rounds(peer)) {
    const parts = serverBehaviours.map(({ criterion, needs, protocols = [], body }): Part => ({
      criterion,
      skip: needs && whyNot(peer, round, needs),
      run: () =>
        withOurServer(round, async (url, opened, closed) => {
          const connection = await peer.connect(`${url}/script`, protocols);
          assertExtensions((await opened.shift()).extensions, round);
          await body(connection, closed.shift());
          connection.close();
          await connection.closed;
        }),
    }));
    parts.push({
      criterion: "refuses",
      skip: undefined,
      run: () =>
        withOurServer(round, async (url) => {
          const error = await assertRejects(() => peer.connect(`${url}/refuse`, []));
          assertInstanceOf(error, Error);
          if (!peer.cannot.status) assertMatch(error.message, /403/);
        }),
    });
    const start = peer.start?.bind(peer) ?? (() => Promise.resolve({ stop: async () => {} }));
    register(`serve()${title(round)} for ${peer.name}`, peer, parts, start);
  }
}

function register(
  symbol: string,
  peer: Peer,
  parts: readonly Part[],
  start: () => Promise<Running>,
): void {
  if (!peer.program) {
    for (const { criterion, skip, run } of parts) {
      test(`${symbol} ${criterion}`, () => withPeer(start, run), { skip });
    }
    return;
  }
  test(`${symbol} does all of it`, () =>
    withPeer(start, async () => {
      let shown = 0;
      for (const { criterion, skip, run } of parts) {
        if (skip) continue;
        await run().catch((cause) => {
          throw new Error(`${symbol} ${criterion}: ${cause}`, { cause });
        });
        shown++;
      }
      assert(shown > 0);
    }), { skip: skipReason(peer.program.missing), timeout: 120_000 });
}

/** Why a test that needs a program is skipped, if it is. */
export function skipReason(missing: string | undefined): string | undefined {
  return process.env["CI"] ? undefined : missing;
}

async function withPeer(start: () => Promise<Running>, body: () => Promise<void>): Promise<void> {
  const running = await start();
  try {
    await body();
  } finally {
    await running.stop();
  }
}

async function withOurServer(
  round: Round,
  body: (
    url: string,
    opened: Queue<WebSocketConnection>,
    closed: Queue<CloseInfo>,
  ) => Promise<void>,
): Promise<void> {
  const opened = new Queue<WebSocketConnection>();
  const closed = new Queue<CloseInfo>();
  const script = {
    open: (ws: WebSocketConnection) => opened.push(ws),
    message(ws: WebSocketConnection, message: Message): void {
      const command = parseClose(message);
      if (command) ws.close(command.code, command.reason);
      // Not awaited here: while a hook runs nothing is parsed, so it would wait for itself.
      else if (message === "ping") ws.ping().then(() => ws.send("pong"));
      else ws.send(message);
    },
    close: (_ws: WebSocketConnection, info: CloseInfo) => closed.push(info),
  };
  const server = await serve({
    port: 0,
    hostname: "127.0.0.1",
    ...round,
    fetch(request, { upgrade }) {
      if (new URL(request.url).pathname === "/refuse") {
        return new Response("Not here", { status: 403 });
      }
      const offer = request.headers.get("sec-websocket-protocol") ?? "";
      return upgrade(script, offer.includes("chat.v2") ? { protocol: "chat.v2" } : {});
    },
  });
  try {
    await body(`ws://127.0.0.1:${server.port}`, opened, closed);
  } finally {
    await server.close();
  }
}

/** Without compression, and with it where the peer knows it. */
function rounds({ cannot, compression }: Peer): Round[] {
  const plain: Round = { compression: false };
  return cannot.compression ? [plain] : [plain, { compression: compression?.options ?? true }];
}

/** Why a peer cannot do something in a round, if so. */
function whyNot(peer: Peer, round: Round, ability: Ability): string | undefined {
  return peer.cannot[ability] ??
    (round.compression ? peer.compression?.cannot?.[ability] : undefined);
}

function title({ compression }: Round): string {
  return compression ? " with compression" : "";
}

function assertExtensions(extensions: string, { compression }: Round): void {
  if (compression) assertMatch(extensions, /^permessage-deflate/);
  else assertEquals(extensions, "");
}
