// The WHATWG's WebSocket: its interface, by the rules of Web IDL
// (https://websockets.spec.whatwg.org/). What it does is in client/whatwg_socket.ts.
//
// A function makes one class for each `connect()`: the members belong on the class itself, which
// extends EventTarget, so there can be no base class between the two.

import { brand, isBlob, kindOf } from "../util/brands.ts";
import { type Connect, CONNECT_OPTIONS, type ConnectOptions, toProtocols } from "./connect.ts";
import { checkOptions, describe, type OptionTable } from "../util/check_options.ts";
import {
  defineEventHandlers,
  type WebSocketEventHandler,
  type WebSocketEventMap,
} from "./whatwg_events.ts";
import {
  checkMemory,
  clampShort,
  defineInterface,
  illegalInvocation,
  isBufferSource,
  requireArguments,
  toList,
} from "./web_idl.ts";
import { checkClose, checkProtocols, parseTarget } from "./whatwg_rules.ts";
import { type Payload, readyStates, Socket } from "./whatwg_socket.ts";

/** The options of `connect()` that `new WebSocket()` takes. */
export type WebSocketOptions = Omit<ConnectOptions, "signal">;

/** What each of these may be. The signal is that of the class itself. */
const WEB_SOCKET_OPTIONS: OptionTable<WebSocketOptions> = (({ signal: _, ...options }) => options)(
  CONNECT_OPTIONS,
);

/** The values of `readyState` by name, on the class and on its instances. */
export interface WebSocketStates {
  /** The opening handshake is under way. */
  readonly CONNECTING: 0;
  /** Messages can be sent. */
  readonly OPEN: 1;
  /** The closing handshake is under way. */
  readonly CLOSING: 2;
  /** The connection has ended, or could not be opened. */
  readonly CLOSED: 3;
}

/** An instance of the WHATWG's WebSocket. */
export interface WebSocketInstance extends EventTarget, WebSocketStates {
  /** Where the connection goes, with `ws:` or `wss:`. */
  readonly url: string;
  /** The state of the connection: CONNECTING, OPEN, CLOSING or CLOSED. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** The subprotocol that the server chose; empty when there is none. */
  readonly protocol: string;
  /** The extensions in use; empty when there are none. */
  readonly extensions: string;
  /**
   * Octets given to `send()`, without headers, that have not left. It does not fall to 0 when the
   * connection ends.
   */
  readonly bufferedAmount: number;
  /** The type of binary messages. Default: "blob". Any other value is ignored. */
  binaryType: "blob" | "arraybuffer";
  /** Called when the opening handshake is complete. */
  onopen: WebSocketEventHandler<"open">;
  /** Called with each message. */
  onmessage: WebSocketEventHandler<"message">;
  /** Called when the connection failed, just before `onclose`. */
  onerror: WebSocketEventHandler<"error">;
  /** Called when the connection has ended. */
  onclose: WebSocketEventHandler<"close">;
  /**
   * Sends a message: a string as text, bytes as a binary message. Any other value is converted to a
   * string. When the connection is closing or has ended, the message is not sent, and only counted
   * in `bufferedAmount`.
   *
   * @param data The message.
   * @throws {DOMException} An InvalidStateError when the connection is not open yet.
   * @throws {TypeError} When there is no argument, or the bytes lie in shared or resizable memory.
   */
  send(data: string | Blob | ArrayBuffer | ArrayBufferView): void;
  /**
   * Starts the closing handshake, or gives up the opening handshake. A second call does nothing.
   *
   * @param code 1000 or 3000 to 4999. Without it the Close frame has no code, unless there is a
   * reason.
   * @param reason At most 123 octets of UTF-8.
   * @throws {DOMException} An InvalidAccessError for another code, a SyntaxError for a longer
   * reason.
   */
  close(code?: number, reason?: string): void;
  /** Adds a listener for events of a type. */
  addEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: WebSocketEventHandler<Type>,
    options?: Parameters<EventTarget["addEventListener"]>[2],
  ): void;
  /** Adds a listener for events of a type. */
  addEventListener(...listener: Parameters<EventTarget["addEventListener"]>): void;
}

/** The class of the WHATWG's WebSocket. */
export interface WebSocketClass extends WebSocketStates {
  /**
   * Opens a connection.
   *
   * @param url Where to connect: `ws:`, or `http:`, which means the same. It may be relative where
   * the program has a location, whose origin the request then has.
   * @param protocols The subprotocols to offer, or one; or options of `connect()`.
   * @param options Options of `connect()`. They take precedence over those in the second argument.
   * The platform's class has no such argument and ignores it, and so does this one unless it is an
   * object.
   * @throws {DOMException} A SyntaxError when the URL cannot be that of a WebSocket or has a
   * fragment, or when a subprotocol is not a token or is given twice.
   * @throws {TypeError} When there is no URL, or an argument is of another type.
   */
  new (
    url: string | URL,
    protocols?: string | readonly string[] | WebSocketOptions,
    options?: WebSocketOptions,
  ): WebSocketInstance;
  /** What all instances have in common. */
  readonly prototype: WebSocketInstance;
}

/**
 * Makes the WHATWG's WebSocket for any `connect()`; the `WebSocket` of the main entry point is made
 * with the `connect()` of the current runtime.
 *
 * @param connect Makes the connections.
 * @returns The class.
 *
 * @example
 * ```ts
 * import { createWebSocketClass } from "@sansocket/ws";
 * import { createNetwork } from "@sansocket/ws/testing";
 *
 * const { serve, connect } = createNetwork();
 * const WebSocket = createWebSocketClass(connect);
 * const server = await serve({ websocket: (ws) => ws.send("no port was used") });
 * const ws = new WebSocket(server.url);
 * ws.onmessage = ({ data }) => console.log(data); // no port was used
 * ws.onclose = () => server.close();
 * ```
 */
export function createWebSocketClass(connect: Connect): WebSocketClass {
  class WebSocket extends EventTarget {
    readonly #socket: Socket;

    constructor(
      url: string | URL,
      protocols: string | readonly string[] | WebSocketOptions = [],
      options: WebSocketOptions = {},
    ) {
      requireArguments(arguments, 1, "WebSocket constructor");
      super();
      this.#socket = new Socket(this, connect, parseTarget(url), mergeOptions(protocols, options));
    }

    get url(): string {
      return WebSocket.#of(this).url.href;
    }

    get readyState(): number {
      return WebSocket.#of(this).readyState;
    }

    get bufferedAmount(): number {
      return WebSocket.#of(this).bufferedAmount;
    }

    get extensions(): string {
      return WebSocket.#of(this).extensions;
    }

    get protocol(): string {
      return WebSocket.#of(this).protocol;
    }

    get binaryType(): string {
      return WebSocket.#of(this).binaryType;
    }
    set binaryType(value: unknown) {
      const socket = WebSocket.#of(this);
      const text = `${value}`;
      // Web IDL: a value that is not in the enumeration is ignored.
      if (text === "blob" || text === "arraybuffer") socket.binaryType = text;
    }

    close(code: unknown = undefined, reason: unknown = undefined): void {
      const socket = WebSocket.#of(this);
      socket.close(checkClose(code === undefined ? undefined : clampShort(code), reason));
    }

    send(data: unknown): void {
      const socket = WebSocket.#of(this);
      requireArguments(arguments, 1, "send()");
      socket.send(toPayload(data));
    }

    static #of(value: object): Socket {
      if (#socket in value) return value.#socket;
      throw illegalInvocation("WebSocket", value);
    }

    static {
      brand(this, "WebSocket");
      defineInterface(this, "WebSocket", readyStates);
      const types = ["open", "error", "close", "message"];
      defineEventHandlers(this.prototype, types, (value) => WebSocket.#of(value));
    }
  }
  // The types of what Web IDL converts are those of the interface.
  return WebSocket as unknown as WebSocketClass;
}

/** Web IDL: a value that is neither a Blob nor a BufferSource is converted to a string. */
function toPayload(data: unknown): Payload {
  if (isBufferSource(data)) checkMemory(data);
  else if (!isBlob(data)) {
    // Blobs of old polyfills cannot be read, and no program means to send "[object Blob]".
    if (!/^(?:Blob|File)$/.test(kindOf(data))) return `${data}`;
    throw new TypeError("Expected a Blob with arrayBuffer(), got one without: send its bytes");
  }
  return data;
}

/** The options of `connect()` of both arguments; the last one wins. */
function mergeOptions(protocols: unknown, options: unknown): WebSocketOptions {
  const merged: Record<string, unknown> = {};
  // The platform's class has no third argument, and Web IDL ignores what is too much.
  const third = typeof options === "object" ? options ?? {} : {};
  for (const given of [ofProtocols(protocols), third]) {
    checkOptions("new WebSocket()", given, WEB_SOCKET_OPTIONS);
    for (const [key, value] of Object.entries(given)) if (value !== undefined) merged[key] = value;
  }
  const offer = toProtocols(merged as WebSocketOptions);
  checkProtocols(offer);
  return { ...merged, protocols: offer };
}

/** The second argument as options. */
function ofProtocols(given: unknown): object {
  if (typeof given === "string") return { protocols: given };
  if (typeof given !== "object" || given === null) {
    const expected = "Expected protocols to be a string, a list of strings, or options";
    throw new TypeError(`${expected}; got ${describe(given)}`);
  }
  return Symbol.iterator in given ? { protocols: toList(given as Iterable<unknown>) } : given;
}
