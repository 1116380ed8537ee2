// A connection as a pair of web streams. Backpressure is that of `receive()` and `send()`.

import { CloseCode } from "../protocol/close_frame.ts";
import type { BinaryData } from "../util/bytes.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { Message } from "./message.ts";
import { ConnectionClosed } from "../protocol/errors.ts";

/**
 * The messages of a connection. The stream ends when the connection ends normally, and fails after
 * any other end.
 */
export function createReadable(ws: WebSocketConnection): ReadableStream<Message> {
  const messages = ws[Symbol.asyncIterator]();
  return new ReadableStream<Message>({
    async pull(controller) {
      const { done, value } = await messages.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await ws.close();
    },
  }, { highWaterMark: 0 });
}

/** Sends each chunk as a message. */
export function createWritable(ws: WebSocketConnection): WritableStream<string | BinaryData> {
  return new WritableStream<string | BinaryData>({
    // A source that has nothing to send at the moment also learns that the connection was lost.
    start(controller) {
      ws.closed.then((info) => {
        if (!info.orderly) controller.error(new ConnectionClosed(info));
      });
      // `abort()` below is not enough: it is called after the write in progress, which the peer may
      // never let end.
      controller.signal.addEventListener("abort", () => ws.close(CloseCode.internalError));
    },
    write: (message) => ws.send(message),
    async close() {
      await ws.close();
    },
    async abort() {
      await ws.closed;
    },
  });
}
