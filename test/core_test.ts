// The pure core as others would use it: its entry point alone, over a byte stream of their own.

import { assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import * as core from "@sansocket/ws/core";
import { test } from "./support/test.ts";

test("core exports what a byte stream needs to become a connection", () => {
  const names = [
    "CloseCode",
    "FrameDecoder",
    "FrameEncoder",
    "HandshakeError",
    "HeaderFields",
    "MessageAssembler",
    "Opcode",
    "Protocol",
    "ProtocolError",
    "createRequest",
    "createRequestParser",
    "createResponseParser",
    "formatAcceptance",
    "formatRefusal",
    "judgeRequest",
    "judgeResponse",
    "parseUrl",
  ];
  const exported = Object.entries(core);
  assertEquals(names.filter((name) => !exported.some(([key]) => key === name)), []);
  assertEquals(exported.filter(([, value]) => value === undefined), []);
});

test("core joins a client and a server by hand, from the handshake to the close", async () => {
  const url = core.parseUrl("ws://example.org/chat");
  const protocols = ["chat.v1"];
  const request = core.createRequest(url, { protocols, headers: [] });

  const asked = core.createRequestParser().push(request.bytes);
  if (asked === undefined || "fault" in asked) throw new Error("Expected a request's head");
  const acceptance = core.judgeRequest(asked.head);
  if ("status" in acceptance) throw new Error(acceptance.reason);
  const answer = await core.formatAcceptance(acceptance, { protocol: "chat.v1", headers: [] });

  const answered = core.createResponseParser().push(answer);
  if (answered === undefined || "fault" in answered) throw new Error("Expected a response's head");
  const judged = await core.judgeResponse(answered.head, request.key, { protocols });
  assertEquals("protocol" in judged && judged.protocol, "chat.v1");

  const limits = { maxMessageSize: 1000, maxFragments: 10 };
  const client = new core.Protocol("client", limits);
  const server = new core.Protocol("server", limits);
  client.send("hello");
  assertEquals(deliver(client, server), ["message hello"]);
  server.ping(decodeHex("2a"));
  assertEquals(deliver(server, client), ["ping 2a"]);
  assertEquals(deliver(client, server), ["pong 2a"]);
  server.close(1001, "going");
  assertEquals(deliver(server, client), ["close 03e9676f696e67"]);
  assertEquals(deliver(client, server), ["close 03e9"]);
  assertEquals([server.endDue, client.endDue], [true, false]);
  const ends = [server.end(undefined), client.end(undefined)];
  assertEquals(ends.map(({ code, initiator, wasClean }) => ({ code, initiator, wasClean })), [
    { code: 1001, initiator: "local", wasClean: true },
    { code: 1001, initiator: "remote", wasClean: true },
  ]);
});

/** Carries what waits from one end to the other, and says what that made of it. */
function deliver(from: core.Protocol, to: core.Protocol): string[] {
  const events: string[] = [];
  for (let chunk = from.output.take(); chunk !== undefined; chunk = from.output.take()) {
    to.receive(chunk.slice());
    for (let event = to.nextEvent(); event !== undefined; event = to.nextEvent()) {
      const { data } = to;
      events.push(`${event} ${typeof data === "string" ? data : encodeHex(data)}`);
    }
  }
  return events;
}
