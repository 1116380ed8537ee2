// From the handshake's outcome to an open connection, over a transport that the test plays by hand.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import type { LateRequest } from "../../src/connection/handshake_result.ts";
import type { NegotiatedCompression } from "../../src/deflate/compression.ts";
import { acceptCompression, createCompression } from "../../src/deflate/compression.ts";
import { establish, type Established } from "../../src/connection/establish.ts";
import { parseExtensions } from "../../src/http/extension_header.ts";
import type { Role } from "../../src/protocol/frame_header.ts";
import { resolveLimits } from "../../src/connection/limits.ts";
import { settled } from "../support/connections.ts";
import { backends } from "../support/deflate.ts";
import { test } from "../support/test.ts";
import { FakeTransport } from "../support/transports.ts";

const HELLO = "818500000000" + "48656c6c6f";
const COMPRESSED_HELLO = "c18700000000" + "f248cdc9c90700";

interface Scene extends Established<string> {
  readonly transport: FakeTransport;
  /** Ends the byte stream, and with it every timer. */
  end(): Promise<void>;
}

interface Outcome {
  role?: Role;
  rest?: string;
  compression?: NegotiatedCompression;
  request?: Request | LateRequest;
}

function setUp(outcome: Outcome = {}): Scene {
  const { role = "server", rest = "", compression, request } = outcome;
  const transport = new FakeTransport();
  const established = establish(
    {
      role,
      transport,
      rest: decodeHex(rest),
      compression,
      result: {
        protocol: "chat.v1",
        request: request ?? new Request("http://127.0.0.1/"),
      },
    },
    resolveLimits({ maxMessageSize: 100 }),
    "data",
  );
  return {
    ...established,
    transport,
    async end() {
      transport.sink.closed();
      await established.connection.closed;
    },
  };
}

function negotiate(offer: string): NegotiatedCompression {
  const compression = createCompression({ threshold: 0 }, backends.public)!;
  return acceptCompression(compression, parseExtensions(offer)!);
}

test("establish takes the transport over and reads nothing yet", async () => {
  const { transport, endpoint, end } = setUp({ rest: HELLO });
  assertStrictEquals(transport.sink, endpoint);
  assert(transport.paused);
  assertEquals([transport.writes.length, transport.ended, transport.destroyed], [0, false, false]);
  await end();
});

test("establish gives the connection what the handshake settled", async () => {
  const request = new Request("http://127.0.0.1/chat");
  let made = 0;
  const { connection, transport, end } = setUp({
    request: {
      make: () => {
        made++;
        return request;
      },
    },
  });
  const { protocol, extensions, remoteAddress, data } = connection;
  assertEquals({ protocol, extensions, data }, {
    protocol: "chat.v1",
    extensions: "",
    data: "data",
  });
  assertStrictEquals(remoteAddress, transport.remoteAddress);
  // The request is made for whoever asks for it.
  assertEquals(made, 0);
  assertStrictEquals(connection.request, request);
  assertStrictEquals(connection.request, request);
  assertEquals(made, 1);
  await end();
});

test("establish keeps the bytes that came behind the handshake", async () => {
  const { connection, end } = setUp({ rest: HELLO + HELLO.slice(0, 14) });
  assertEquals(await connection.receive(), "Hello");
  const next = connection.receive();
  await settled();
  await end();
  assertEquals(await next.catch((error: Error) => error.name), "ConnectionClosed");
});

test("establish plays the role that it is told", async () => {
  for (const [role, expected] of [["server", 0], ["client", 128]] as const) {
    const { connection, transport, end } = setUp({ role });
    connection.send("Hello");
    await settled();
    assertEquals(transport.writes[0]![1]! & 128, expected);
    await end();
  }
});

test("establish sets the limits", async () => {
  const { connection, end } = setUp({ rest: "82fe03e900000000" });
  const received = connection.receive();
  received.catch(() => {});
  await settled();
  await end();
  assertEquals((await connection.closed).sent?.code, 1009);
});

test("establish compresses when that was negotiated", async () => {
  const compression = negotiate("permessage-deflate; client_max_window_bits=9");
  const { connection, transport, end } = setUp({ rest: COMPRESSED_HELLO, compression });
  assertEquals(connection.extensions, "permessage-deflate; client_max_window_bits=9");
  assertEquals(await connection.receive(), "Hello");
  connection.send("Hello");
  connection.send("Hello", { compress: false });
  await settled();
  const written = transport.writes.map((chunk) => encodeHex(chunk)).join("");
  assertEquals(written, "c107f248cdc9c90700" + "810548656c6c6f");
  await end();
});

test("establish does not compress when that was declined", async () => {
  const compression = negotiate("permessage-deflate; unknown");
  const { connection, transport, end } = setUp({ rest: COMPRESSED_HELLO, compression });
  assertEquals(connection.extensions, "");
  connection.send("Hello");
  const received = connection.receive();
  received.catch(() => {});
  await settled();
  await end();
  const written = transport.writes.map((chunk) => encodeHex(chunk)).join("");
  assertEquals(written.slice(0, 14), "810548656c6c6f");
  assertEquals((await connection.closed).sent?.code, 1002);
});
