// A connection, or a byte stream, as a Node stream.

import { Duplex } from "node:stream";
import type { WebSocketConnection } from "../../src/connection/connection.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { checkOptions, flag, type OptionTable } from "../../src/util/check_options.ts";
import { byteDuplex } from "../shared/byte_duplex.ts";

const DUPLEX_OPTIONS: OptionTable<{ readonly objectMode?: boolean }> = { objectMode: flag };

/**
 * Makes a Node `Duplex` of a connection. What is read is the payload of its messages, one chunk
 * each, strings included as UTF-8 unless `objectMode` keeps them apart; each chunk that is written
 * is one message. Backpressure goes both ways. Ending the stream closes the connection with 1000,
 * destroying it drops the connection.
 *
 * @param ws The connection; no other code may take its messages.
 * @param options `objectMode`: read strings as strings, and write them as text. Default: false.
 * @returns The stream.
 * @throws {TypeError} When an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { connect, createDuplex, serve } from "@sansocket/ws/node";
 *
 * const server = await serve({ port: 0, websocket: (ws) => void createDuplex(ws).resume() });
 * const stream = createDuplex(await connect(server.url), { objectMode: true });
 * stream.end("hello");
 * stream.resume().on("close", () => server.close());
 * ```
 */
export function createDuplex(
  ws: WebSocketConnection,
  options?: { readonly objectMode?: boolean },
): Duplex;
/**
 * Makes a Node `Duplex` of a byte stream, for a server of `node:http` that is given connections of
 * a network in memory: `server.emit("connection", createDuplex(transport))`.
 *
 * @param transport The byte stream, which has no owner yet; see `listen()` of `createNetwork()`.
 * @returns The stream, with the addresses that a socket has.
 */
export function createDuplex(transport: Transport): Duplex;
export function createDuplex(
  source: WebSocketConnection | Transport,
  options: { readonly objectMode?: boolean } = {},
): Duplex {
  return "write" in source ? byteDuplex(source) : duplexOfMessages(source, options);
}

function duplexOfMessages(
  ws: WebSocketConnection,
  options: { readonly objectMode?: boolean },
): Duplex {
  checkOptions("createDuplex()", options, DUPLEX_OPTIONS);
  const { objectMode = false } = options;
  const messages = ws[Symbol.asyncIterator]();
  return new Duplex({
    objectMode,
    allowHalfOpen: false,
    read() {
      messages.next().then(
        ({ done, value }) => {
          if (done) this.push(null);
          // An empty chunk means nothing to a stream of bytes, so ask for the next.
          else if (value.length > 0 || objectMode) this.push(value);
          else this._read(0);
        },
        (error) => this.destroy(error as Error),
      );
    },
    write(chunk: string | Uint8Array<ArrayBuffer>, _encoding, done) {
      // `send()` throws for what is no message; a stream must not.
      new Promise((resolve) => resolve(ws.send(chunk))).then(() => done(), done);
    },
    final(done) {
      ws.close().then(() => done(), done);
    },
    destroy(error, done) {
      ws.terminate();
      done(error);
    },
  });
}
