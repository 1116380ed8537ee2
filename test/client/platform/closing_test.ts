// Platform tests of closing: how the closing handshake starts and ends.

import { createWebSocketClass, type WebSocketInstance } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { assertEquals } from "@std/assert";
import { isPending } from "../../support/connections.ts";
import { events, next, opened, platformTests, served, throwsDom } from "./suite.ts";

/** `close()` with these arguments sends this code and reason; the server's answer has the code. */
const closes = (args: unknown[], code: number, reason = "") =>
  opened(async (ws, { ends }) => {
    assertEquals(Reflect.apply(ws.close, ws, args), undefined);
    assertEquals(ws.readyState, 2);
    assertEquals(await events(ws), [code, "", true]);
    assertEquals(ws.readyState, 3);
    assertEquals((await ends[0])?.received, { code, reason });
  });

/** `close()` with these arguments throws, and changes nothing. */
const refuses = (name: string, ...args: unknown[]) =>
  opened(async (ws) => {
    throwsDom(name, () => Reflect.apply(ws.close, ws, args));
    assertEquals(ws.readyState, 1);
    ws.send("still open");
    assertEquals((await next(ws, "message")).data, "still open");
  });

/** The server closes once it has got a message. */
const closedByServer = opened(
  async (ws) => {
    ws.send("Goodbye");
    assertEquals(await events(ws), [1000, "", true]);
    assertEquals(ws.readyState, 3);
  },
  async (peer) => {
    await peer.receive();
    await peer.close(1000);
  },
);

/** What code that closes while it connects sees. */
const closesWhileConnecting = (close: (ws: WebSocketInstance) => unknown) =>
  served(async ({ WebSocket, url }) => {
    const ws = new WebSocket(url);
    const seen = events(ws);
    close(ws);
    assertEquals(ws.readyState, 2);
    assertEquals(await seen, ["error", 1006, "", false]);
  });

platformTests("closing", {
  "Close-1000-reason.any.js": closes([1000, "Clean Close"], 1000, "Clean Close"),
  "Close-1000-verify-code.any.js": closes([1000, "as sent"], 1000, "as sent"),
  "Close-1000.any.js": closes([1000], 1000),
  "Close-1005-verify-code.any.js": closes([], 1005),
  "Close-1005.any.js": refuses("InvalidAccessError", 1005, "reserved"),
  "Close-2999-reason.any.js": refuses("InvalidAccessError", 2999, "below the range"),
  "Close-3000-reason.any.js": closes([3000, "for a library"], 3000, "for a library"),
  "Close-3000-verify-code.any.js": closes([3000], 3000),
  "Close-4999-reason.any.js": closes([4999, "the last code"], 4999, "the last code"),
  "Close-Reason-124Bytes.any.js": refuses("SyntaxError", 1000, "x".repeat(124)),
  "Close-delayed.any.js": async () => {
    const network = createNetwork();
    const server = await network.rawServer();
    const ws = new (createWebSocketClass(network.connect))(server.url);
    const [peer] = await Promise.all([server.accept(), next(ws, "open")]);
    const closed = next(ws, "close");
    ws.close();
    await peer.expectFrame({ opcode: 8 });
    assertEquals([await isPending(closed), ws.readyState], [true, 2]);
    peer.sendFrame({ opcode: 8 });
    peer.end();
    assertEquals((await closed).wasClean, true);
  },
  "Close-onlyReason.any.js": refuses("InvalidAccessError", "only a reason"),
  "Close-readyState-Closed.any.js": closes([], 1005),
  "Close-readyState-Closing.any.js": closes([], 1005),
  "Close-reason-unpaired-surrogates.any.js": closes([1000, "\ud807"], 1000, "\ufffd"),
  "Close-server-initiated-close.any.js": closedByServer,
  "Close-undefined.any.js": closes([undefined], 1005),
  "close-invalid.any.js": async () => {
    for (const code of [0, 500, NaN, "string", null, 999, 1001, 2999, 5000, 65_536 + 1000]) {
      await refuses("InvalidAccessError", code)();
    }
  },
  "closing-handshake/002.html": closedByServer,
  "closing-handshake/003.html": closes([], 1005),
  "closing-handshake/004.html": async () => {
    const network = createNetwork();
    const server = await network.rawServer();
    const ws = new (createWebSocketClass(network.connect))(server.url);
    const [peer] = await Promise.all([server.accept(), next(ws, "open")]);
    const seen = events(ws);
    peer.sendFrame({ opcode: 8 });
    peer.sendFrame({ payload: "behind the Close frame" });
    await peer.expectFrame({ opcode: 8 });
    peer.end();
    assertEquals(await seen, [1005, "", true]);
  },
  "interfaces/CloseEvent/clean-close.html": opened(async (ws) => {
    ws.send("Test");
    await next(ws, "message");
    ws.close();
    assertEquals((await next(ws, "close")).wasClean, true);
  }),
  "interfaces/WebSocket/close/close-basic.html": closesWhileConnecting((ws) => ws.close()),
  "interfaces/WebSocket/close/close-connecting.html": closesWhileConnecting((ws) => {
    assertEquals(ws.readyState, 0);
    ws.close();
  }),
  "interfaces/WebSocket/close/close-connecting-async.any.js": closesWhileConnecting((ws) => {
    let inside = true;
    for (const type of ["error", "close"] as const) {
      ws.addEventListener(type, () => assertEquals(inside, false));
    }
    ws.close();
    inside = false;
  }),
  "interfaces/WebSocket/close/close-multiple.html": closesWhileConnecting((ws) => {
    for (let i = 0; i < 3; i++) ws.close();
  }),
  "interfaces/WebSocket/close/close-nested.html": served(async ({ WebSocket, url }) => {
    const ws = new WebSocket(url);
    const calls: number[] = [];
    const closed = new Promise<void>((resolve) =>
      ws.onclose = () => {
        calls.push(ws.readyState);
        ws.close();
        calls.push(ws.readyState);
        resolve();
      }
    );
    ws.close();
    ws.close();
    await closed;
    assertEquals(calls, [3, 3]);
  }),
  "interfaces/WebSocket/close/close-replace.html": served(({ WebSocket, url }) => {
    const ws = new WebSocket(url);
    ws.close();
    Object.assign(ws, { close: 5 });
    assertEquals<unknown>(ws.close, 5);
  }),
  "interfaces/WebSocket/close/close-return.html": closesWhileConnecting((ws) =>
    assertEquals(Reflect.apply(ws.close, ws, []), undefined)
  ),
});
