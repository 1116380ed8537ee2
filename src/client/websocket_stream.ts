// The WHATWG's WebSocketStream: its interface, by the rules of Web IDL. What it does is in
// client/whatwg_streams.ts. https://github.com/ricea/websocketstream-explainer

import { brand } from "../util/brands.ts";
import { type Connect, CONNECT_OPTIONS, type ConnectOptions } from "./connect.ts";
import { checkOptions, type OptionTable, texts } from "../util/check_options.ts";
import { toCloseArguments, type WebSocketCloseInfo } from "./whatwg_error.ts";
import { defineInterface, illegalInvocation, requireArguments, toDictionary } from "./web_idl.ts";
import { checkProtocols, parseTarget } from "./whatwg_rules.ts";
import { Streams, type WebSocketOpenInfo } from "./whatwg_streams.ts";

/**
 * The options of `new WebSocketStream()`: those of `connect()`, with the subprotocols in a list.
 */
export interface WebSocketStreamOptions extends Omit<ConnectOptions, "protocols"> {
  /** The subprotocols to offer, the preferred one first (RFC 6455 section 1.9). */
  readonly protocols?: readonly string[];
}

/** What each of these may be. */
const STREAM_OPTIONS: OptionTable<WebSocketStreamOptions> = {
  ...CONNECT_OPTIONS,
  protocols: texts,
};

/** An instance of the WHATWG's WebSocketStream. */
export interface WebSocketStreamInstance {
  /** Where the connection goes, with `ws:` or `wss:`. */
  readonly url: string;
  /**
   * Resolves when the opening handshake is complete. Rejects with the signal's reason or a
   * WebSocketError.
   */
  readonly opened: Promise<WebSocketOpenInfo>;
  /**
   * Resolves with the peer's Close frame when the connection has ended with a closing handshake.
   * Rejects as `opened` does, and with a WebSocketError when the connection ended otherwise, or the
   * server closed it while a write was under way.
   */
  readonly closed: Promise<Required<WebSocketCloseInfo>>;
  /**
   * Starts the closing handshake, or gives up the opening handshake. A second call does nothing.
   *
   * @param info What goes into the Close frame; without a code and a reason the frame is empty.
   * @throws {DOMException} An InvalidAccessError when the code is neither 1000 nor 3000 to 4999, a
   * SyntaxError when the reason is longer than 123 octets of UTF-8.
   * @throws {TypeError} When `info` is not an object, or its code is not between 0 and 65535.
   */
  close(info?: WebSocketCloseInfo): void;
}

/** The class of the WHATWG's WebSocketStream. */
export interface WebSocketStreamClass {
  /**
   * Opens a connection.
   *
   * @param url Where to connect: `ws:`, or `http:`, which means the same. It may be relative where
   * the program has a location, whose origin the request then has.
   * @param options The subprotocols to offer, a signal that ends the attempt, and the other options
   * of `connect()`.
   * @throws {DOMException} A SyntaxError when the URL cannot be that of a WebSocket or has a
   * fragment, or when a subprotocol is not a token or is given twice.
   * @throws {TypeError} When there is no URL, or an argument is of another type.
   */
  new (url: string | URL, options?: WebSocketStreamOptions): WebSocketStreamInstance;
  /** What all instances have in common. */
  readonly prototype: WebSocketStreamInstance;
}

/**
 * Makes the WHATWG's WebSocketStream for any `connect()`; the `WebSocketStream` of the main entry
 * point is made with the `connect()` of the current runtime.
 *
 * @param connect Makes the connections.
 * @returns The class.
 *
 * @example
 * ```ts
 * import { createWebSocketStreamClass } from "@sansocket/ws";
 * import { createNetwork } from "@sansocket/ws/testing";
 *
 * const { serve, connect } = createNetwork();
 * const WebSocketStream = createWebSocketStreamClass(connect);
 * const server = await serve({ websocket: (ws) => ws.send("no port was used") });
 * const { readable } = await new WebSocketStream(server.url).opened;
 * for await (const message of readable) console.log(message); // no port was used
 * await server.close();
 * ```
 */
export function createWebSocketStreamClass(connect: Connect): WebSocketStreamClass {
  class WebSocketStream {
    readonly #streams: Streams;

    constructor(url: string | URL, options: WebSocketStreamOptions = {}) {
      requireArguments(arguments, 1, "WebSocketStream constructor");
      this.#streams = new Streams(connect, parseTarget(url), toOptions(options));
    }

    get url(): string {
      return WebSocketStream.#of(this).url.href;
    }

    // Web IDL: an attribute that is a promise never throws.
    get opened(): Promise<WebSocketOpenInfo> {
      try {
        return WebSocketStream.#of(this).opened;
      } catch (error) {
        return Promise.reject(error);
      }
    }

    get closed(): Promise<Required<WebSocketCloseInfo>> {
      try {
        return WebSocketStream.#of(this).closed;
      } catch (error) {
        return Promise.reject(error);
      }
    }

    close(info: WebSocketCloseInfo = {}): void {
      const streams = WebSocketStream.#of(this);
      streams.close(toCloseArguments(info));
    }

    static #of(value: object): Streams {
      if (#streams in value) return value.#streams;
      throw illegalInvocation("WebSocketStream", value);
    }

    static {
      brand(this, "WebSocketStream");
      defineInterface(this, "WebSocketStream");
    }
  }
  return WebSocketStream;
}

function toOptions(given: WebSocketStreamOptions): ConnectOptions {
  const options = toDictionary(given, "options");
  checkOptions("new WebSocketStream()", options, STREAM_OPTIONS);
  checkProtocols(options.protocols ?? []);
  return options;
}
