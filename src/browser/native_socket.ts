// What is needed of the WebSocket class of a browser: types only. React Native, jsdom, Node, Deno
// and Bun have classes of the same shape.

/** A native WebSocket, as far as it is used. */
export interface NativeWebSocket {
  /** How binary messages come. */
  binaryType: string;
  /** 0 to 3: connecting, open, closing, closed. */
  readonly readyState: number;
  /** Octets of messages that have not left. */
  readonly bufferedAmount: number;
  /** The subprotocol that the server chose. */
  readonly protocol: string;
  /** The extensions in use. */
  readonly extensions: string;
  /** Sends a message. */
  send(data: never): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Calls `listener` for events of a type. */
  addEventListener(type: string, listener: (event: object) => void): void;
}

/** A class of native WebSockets. */
export type NativeWebSocketClass = new (url: string, protocols?: string[]) => NativeWebSocket;

/** A message event. */
export interface NativeMessage {
  /** A string, or an ArrayBuffer. */
  readonly data: unknown;
}

/** An error event. A browser says nothing in it; other platforms do. */
export interface NativeError {
  /** What went wrong. */
  readonly error?: unknown;
  /** The same in words. */
  readonly message?: unknown;
}

/** A close event. */
export interface NativeClose {
  /** The peer's close code; 1005 when it gave none, 1006 when the connection was lost. */
  readonly code: number;
  /** The peer's reason. React Native leaves out what is empty. */
  readonly reason?: string | null | undefined;
  /** Whether both Close frames were exchanged. React Native does not say. */
  readonly wasClean?: boolean | undefined;
}
