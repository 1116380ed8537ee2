import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { decodeHex } from "@std/encoding";
import type { Endpoint } from "../src/endpoint.ts";
import { type CloseInfo, ConnectionClosed } from "../src/errors.ts";
import { Inbox } from "../src/inbox.ts";
import { isPending } from "./support/connections.ts";
import { test } from "./support/test.ts";

const info: CloseInfo = {
  code: 1006,
  reason: "",
  wasClean: false,
  initiator: "remote",
  sent: undefined,
  received: undefined,
  cause: undefined,
};

interface FakeEndpoint {
  info: CloseInfo | undefined;
  open: boolean;
  readonly calls: string[];
}

/** An inbox with as much of an endpoint as it uses. */
function setUp(): { inbox: Inbox; endpoint: FakeEndpoint } {
  const calls: string[] = [];
  const endpoint = {
    calls,
    info: undefined as CloseInfo | undefined,
    open: true,
    proceed: () => calls.push("proceed"),
    ping: (payload: Uint8Array) => calls.push(`ping ${payload}`),
  };
  const inbox = new Inbox();
  inbox.endpoint = endpoint as unknown as Endpoint;
  return { inbox, endpoint };
}

test("Inbox receive() asks for a message, and gets it", async () => {
  const { inbox, endpoint } = setUp();
  const received = inbox.receive();
  assertEquals(endpoint.calls, ["proceed"]);
  assertEquals(inbox.message(""), false);
  assertEquals(await received, "");
});

test("Inbox message() goes to the receivers in order, and asks for more while some wait", async () => {
  const { inbox } = setUp();
  const received = Promise.all([inbox.receive(), inbox.receive()]);
  assertEquals([inbox.message("1"), inbox.message("2")], [true, false]);
  assertEquals(await received, ["1", "2"]);
});

test("Inbox message() goes to the hook when there is one", () => {
  const { inbox } = setUp();
  const seen: unknown[] = [];
  inbox.onMessage = (data) => seen.push(data) < 2;
  assertEquals([inbox.message("1"), inbox.message("2")], [true, false]);
  assertEquals(seen, ["1", "2"]);
});

test("Inbox receive() and ping() reject after the end", async () => {
  const { inbox, endpoint } = setUp();
  endpoint.info = info;
  endpoint.open = false;
  inbox.closed(info);
  for (const act of [() => inbox.receive(), () => inbox.ping(new Uint8Array())]) {
    const error = await assertRejects(act, ConnectionClosed);
    assertStrictEquals(error.info, info);
  }
  assertEquals(endpoint.calls, []);
});

test("Inbox closed() rejects all that wait, and resolves whenClosed", async () => {
  const { inbox } = setUp();
  const waiting = [inbox.receive(), inbox.receive(), inbox.ping(new Uint8Array(1))];
  inbox.closed(info);
  for (const promise of waiting) await assertRejects(() => promise, ConnectionClosed);
  assertStrictEquals(await inbox.whenClosed, info);
});

test("Inbox pong() answers its Ping and those sent before (RFC 6455 5.5.3)", async () => {
  const { inbox, endpoint } = setUp();
  const pings = ["01", "02", "03"].map((hex) => inbox.ping(decodeHex(hex)));
  assertEquals(endpoint.calls, ["ping 1", "ping 2", "ping 3"]);
  inbox.pong(decodeHex("02"));
  assert(await pings[0]! >= 0 && await pings[1]! >= 0);
  assertEquals(await isPending(pings[2]!), true);
  inbox.pong(decodeHex("03"));
  assert(await pings[2]! >= 0);
});

test("Inbox pong() that nobody asked for is ignored", async () => {
  const { inbox } = setUp();
  const ping = inbox.ping(decodeHex("0102"));
  for (const hex of ["", "01", "0103", "010203"]) inbox.pong(decodeHex(hex));
  assertEquals(await isPending(ping), true);
  inbox.pong(decodeHex("0102"));
  assert(await ping >= 0);
});
