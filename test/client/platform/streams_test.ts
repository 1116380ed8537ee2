// Platform tests of WebSocketStream.

import {
  createWebSocketStreamClass,
  WebSocketError,
  type WebSocketStreamInstance,
} from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { isPending } from "../../support/connections.ts";
import { resizable } from "../../support/realm.ts";
import { platformTests, served, streaming, throwsDom } from "./suite.ts";

/** Both promises of a stream that is not open yet reject with a DOMException of this name. */
async function rejectsBoth(stream: WebSocketStreamInstance, name: string): Promise<void> {
  for (const promise of [stream.opened, stream.closed]) {
    assertEquals((await assertRejects<Error>(() => promise)).name, name);
  }
}

const rejectsDom = async (promise: Promise<unknown>, name: string): Promise<void> =>
  assertEquals((await assertRejects(() => promise, DOMException)).name, name);

platformTests("streams", {
  "stream/tentative/abort.any.js": served(async ({ WebSocketStream, url }) => {
    const early = new AbortController();
    early.abort();
    await rejectsBoth(new WebSocketStream(url, { signal: early.signal }), "AbortError");
    const during = new AbortController();
    const connecting = new WebSocketStream(url, { signal: during.signal });
    during.abort();
    await rejectsBoth(connecting, "AbortError");
    const late = new AbortController();
    const open = new WebSocketStream(url, { signal: late.signal });
    const { readable, writable } = await open.opened;
    late.abort();
    await writable.getWriter().write("connected");
    assertEquals((await readable.getReader().read()).value, "connected");
  }),
  "stream/tentative/backpressure-receive.any.js": async () => {
    let sent = 0;
    await streaming(async (stream) => {
      const reader = (await stream.opened).readable.getReader();
      await reader.read();
      assertEquals(sent < 64, true);
      while (!(await reader.read()).done);
      assertEquals(sent, 64);
    }, async (ws) => {
      for (; sent < 64; sent++) await ws.send(new Uint8Array(65_536));
      await ws.close();
    })();
  },
  "stream/tentative/backpressure-send.any.js": async () => {
    const network = createNetwork();
    const server = await network.rawServer();
    const stream = new (createWebSocketStreamClass(network.connect))(server.url);
    // A raw peer reads only while it expects something.
    const [{ writable }, peer] = await Promise.all([stream.opened, server.accept()]);
    const writer = writable.getWriter();
    const writes = Array.from({ length: 64 }, () => writer.write(new Uint8Array(65_536)));
    const last = writes.at(-1)!;
    for (const write of writes) write.catch(() => {});
    writer.closed.catch(() => {});
    assertEquals(await isPending(last), true);
    peer.reset();
    await assertRejects(() => last);
  },
  "stream/tentative/close.any.js": async () => {
    const cases: [Parameters<WebSocketStreamInstance["close"]>, number, string][] = [
      [[{ closeCode: 3456, reason: "pizza" }], 3456, "pizza"],
      [[], 1005, ""],
      [[{}], 1005, ""],
      [[{ reason: "" }], 1005, ""],
      [[{ reason: "non-empty" }], 1000, "non-empty"],
    ];
    for (const [args, closeCode, reason] of cases) {
      await streaming(async (stream, { ends }) => {
        stream.close(...args);
        assertEquals((await stream.closed).closeCode, closeCode);
        assertEquals((await ends[0])?.received, { code: closeCode, reason });
      })();
    }
    await streaming(async (stream) => {
      assertThrows(() => Reflect.apply(stream.close, stream, [true]), TypeError);
      throwsDom("SyntaxError", () => stream.close({ reason: "\u0100".repeat(62) }));
      for (const closeCode of [0, 999, 1001, 2999, 5000]) {
        throwsDom("InvalidAccessError", () => stream.close({ closeCode }));
      }
      const { writable } = await stream.opened;
      await writable.close();
      assertEquals(await stream.closed, { closeCode: 1005, reason: "" });
    })();
    for (const end of ["abort", "cancel"] as const) {
      const reasons = [
        [new WebSocketError("", { closeCode: 3333, reason: "set" }), 3333],
        [new WebSocketError("", { reason: "only" }), 1000],
        [{ closeCode: 3333 }, 1005],
        [undefined, 1005],
      ] as const;
      for (const [reason, closeCode] of reasons) {
        await streaming(async (stream) => {
          const { readable, writable } = await stream.opened;
          await (end === "abort" ? writable.abort(reason) : readable.cancel(reason));
          assertEquals((await stream.closed).closeCode, closeCode);
        })();
      }
    }
    await served(async ({ WebSocketStream, url }) => {
      const stream = new WebSocketStream(url);
      stream.close();
      await rejectsBoth(stream, "WebSocketError");
    })();
  },
  "stream/tentative/constructor.any.js": served(
    async ({ WebSocketStream, url }) => {
      assertThrows(() => Reflect.construct(WebSocketStream, []), TypeError);
      throwsDom("SyntaxError", () => new WebSocketStream("invalid:"));
      assertThrows(() => Reflect.construct(WebSocketStream, [url, true]), TypeError);
      assertThrows(() => Reflect.construct(WebSocketStream, [url, { protocols: "hi" }]), TypeError);
      const stream = new WebSocketStream(url, { protocols: ["alpha", "beta"] });
      assertEquals(stream.url, url);
      const { readable, writable, protocol, extensions } = await stream.opened;
      assertInstanceOf(readable, ReadableStream);
      assertInstanceOf(writable, WritableStream);
      assertEquals([protocol, typeof extensions], ["alpha", "string"]);
      await rejectsBoth(new WebSocketStream("ws://nobody.invalid:1/"), "WebSocketError");
    },
    (ws) => ws.closed,
    "alpha",
  ),
  "stream/tentative/remote-close.any.js": async () => {
    for (const [code, reason] of [[1000, ""], [4000, "robot"], [4000, "\u30ed\u30dc"]] as const) {
      await streaming(async (stream) => {
        const { readable, writable } = await stream.opened;
        assertEquals(await stream.closed, { closeCode: code, reason });
        assertEquals((await readable.getReader().read()).done, true);
        await rejectsDom(writable.getWriter().ready, "InvalidStateError");
      }, (ws) => ws.close(code, reason))();
    }
    await streaming(async (stream) => {
      assertEquals((await stream.closed).closeCode, 1005);
    }, (ws) => ws.close(null))();
    await streaming(async (stream) => {
      const { readable, writable } = await stream.opened;
      const error = await assertRejects(() => stream.closed, WebSocketError);
      assertEquals(error.closeCode, 1006);
      for (const end of [readable.getReader().read(), writable.getWriter().ready]) {
        assertEquals(await end.catch((it: unknown) => it === error), true);
      }
    }, (ws) => ws.terminate())();
  },
  "stream/tentative/websocket-error.any.js": () => {
    const bare = new WebSocketError();
    assertEquals([bare.code, bare.name, bare.message], [0, "WebSocketError", ""]);
    assertEquals([bare.closeCode, bare.reason], [null, ""]);
    const full = new WebSocketError("text", { closeCode: 3456, reason: "reason" });
    assertEquals([full.message, full.closeCode, full.reason], ["text", 3456, "reason"]);
    for (const closeCode of [999, 1001, 2999, 5000]) {
      throwsDom("InvalidAccessError", () => new WebSocketError("", { closeCode }));
    }
    assertEquals(new WebSocketError("", { closeCode: 3456 }).reason, "");
    assertEquals(new WebSocketError("", { reason: "reason" }).closeCode, 1000);
    for (const reason of ["a".repeat(124), "\ud83d\udd0c".repeat(31)]) {
      throwsDom("SyntaxError", () => new WebSocketError("", { reason }));
    }
  },
  "stream/tentative/write.any.js": streaming(async (_, { WebSocketStream, url }) => {
    const refused = [
      { toString: () => ({}) },
      resizable(),
      new Uint8Array(new SharedArrayBuffer(8)),
    ];
    for (const chunk of refused) {
      const { writable } = await new WebSocketStream(url).opened;
      const write = writable.getWriter().write(chunk as ArrayBuffer);
      await assertRejects(() => write, TypeError);
    }
  }),
});
