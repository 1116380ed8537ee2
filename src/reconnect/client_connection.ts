// What reconnecting needs of one connection: `WebSocketConnection` has it, and so has
// `BrowserConnection`, over the class of a browser.

import type { BinaryData } from "../util/bytes.ts";
import type { ConnectionState } from "../connection/connection.ts";
import type { Message } from "../connection/message.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import type { SendOptions } from "../protocol/sendable.ts";

/** A client's connection, on the library's own engine or on that of a browser. */
export interface ClientConnection {
  /** The subprotocol that was chosen; empty when there is none. */
  readonly protocol: string;
  /** The extensions in use; empty when there are none. */
  readonly extensions: string;
  /** The state of the connection now. */
  readonly state: ConnectionState;
  /** How the connection ended; never rejects. */
  readonly closed: Promise<CloseInfo>;
  /** Octets that were sent and still wait for the network. */
  readonly bufferedAmount: number;
  /** Messages that have come and wait for `receive()`. */
  readonly unread: number;
  /** Sends a message, of any kind that this connection sends. */
  send(data: string | BinaryData | Blob, options?: SendOptions): Promise<void>;
  /** Takes the next message. */
  receive(options?: { signal?: AbortSignal }): Promise<Message>;
  /** Starts the closing handshake. */
  close(code?: number | null, reason?: string): Promise<CloseInfo>;
  /** Drops the connection now. */
  terminate(): void;
  /** Discards all messages from now on. */
  ignoreMessages(): void;
  /** Sends a Ping; absent in a browser. */
  readonly ping?: ((data?: string) => Promise<number>) | undefined;
}
