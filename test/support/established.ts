// An open connection over a transport that the test plays by hand: the whole library behind the opening handshake.

import { decodeHex, encodeHex } from "@std/encoding";
import { concat } from "../../src/util/bytes.ts";
import type { NegotiatedCompression } from "../../src/deflate/compression.ts";
import { establish, type Established } from "../../src/connection/establish.ts";
import type { Role } from "../../src/protocol/frame_header.ts";
import { runHandler, type WebSocketHandler } from "../../src/connection/handler.ts";
import { type ConnectionLimits, resolveLimits } from "../../src/connection/limits.ts";
import type { TestClock } from "@sansocket/ws/testing";
import { decodeFrames, encodeFrames, type NaiveFrame } from "./frames.ts";
import { FakeTransport } from "./transports.ts";

/** One end of an open connection, whose other end is the test. */
export interface FakeConnection extends Established<undefined>, AsyncDisposable {
  /** The byte stream. */
  readonly transport: FakeTransport;
  /** What a handler threw. */
  readonly reported: unknown[];
  /** Receives bytes given as hex; blanks are ignored. */
  receive(hex: string): void;
  /** Receives frames, each as a chunk of its own, masked with zeros when they come from a client. */
  receiveFrames(...frames: NaiveFrame[]): void;
  /** The frames written so far, unmasked, as lines such as "8a 0102": first octet and payload. */
  frames(): string[];
}

/** How to set one up. */
export interface FakeConnectionOptions extends ConnectionLimits {
  /** Which end it is; a server's unless told. */
  readonly role?: Role;
  /** What runs on it; nothing unless told. */
  readonly handler?: WebSocketHandler<undefined>;
  /** What was negotiated. */
  readonly compression?: NegotiatedCompression;
  /** Drives what waits; the system's clock unless told. */
  readonly clock?: TestClock;
}

/** Opens a connection. Disposing of it ends the byte stream, and with it every timer. */
export function openFake(options: FakeConnectionOptions = {}): FakeConnection {
  const { role = "server", handler, compression, clock } = options;
  const transport = new FakeTransport();
  transport.clock = clock?.source;
  const reported: unknown[] = [];
  const established = establish(
    {
      role,
      transport,
      rest: new Uint8Array(),
      compression,
      result: { protocol: "", request: new Request("http://127.0.0.1/") },
    },
    resolveLimits(options),
    undefined,
  );
  const { connection, endpoint } = established;
  const report = (error: unknown): void => void reported.push(error);
  const done = handler &&
    new Promise<void>((done) => runHandler(handler, established, { report, done }));
  if (handler === undefined) endpoint.start();
  return {
    ...established,
    transport,
    reported,
    receive: (hex) => transport.sink.data(decodeHex(hex.replaceAll(" ", ""))),
    receiveFrames(...frames) {
      const key = role === "server" ? new Uint8Array(4) : undefined;
      for (const frame of frames) transport.sink.data(encodeFrames({ key, ...frame }));
    },
    frames: () =>
      decodeFrames(concat(transport.writes)).map(({ fin, reserved = 0, opcode, payload }) => {
        const first = (fin ? 128 : 0) + reserved * 16 + opcode;
        return `${encodeHex(Uint8Array.of(first))} ${encodeHex(payload)}`.trimEnd();
      }),
    async [Symbol.asyncDispose]() {
      if (endpoint.info === undefined) transport.sink.closed();
      await connection.closed;
      await done;
    },
  };
}

/** The octets of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
