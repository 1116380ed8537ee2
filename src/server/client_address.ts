// The client of a connection: its address, from the socket, a PROXY header, or the proxies in each
// request; and whether it may connect.
//
// 1. The address of the client is known when a connection begins, or, with `trustProxy`, with each
//    request. Then the limit for each address counts WebSocket connections, because one connection
//    of a proxy may carry the requests of many clients.
// 2. A client that was counted is counted out once, when its session or its WebSocket connection
//    ends, the first of the two: a handler that never returns must not hold a place.

import type { HandshakeRefusal } from "../handshake/refusal.ts";
import { isUpgradeRequest } from "../handshake/server.ts";
import { HeaderFields } from "../http/fields.ts";
import type { RequestHead } from "../http/head.ts";
import { resolveForwarding } from "../proxy/trust.ts";
import type { Address } from "../transport/transport.ts";
import type { ServerContext } from "./context.ts";

/** The other end of one connection. */
export class SessionPeer {
  /** The address of the client of the request at hand. */
  remoteAddress: Address | undefined;
  /**
   * Whether the client of the request at hand used TLS; undefined when neither the connection nor a
   * proxy says so.
   */
  secure: boolean | undefined;

  readonly #context: ServerContext;
  /** Whether the connection itself is TLS. */
  readonly #encrypted: boolean;
  /** The address of the connection. */
  #address: Address | undefined;
  /** What `leave()` has to undo. */
  #connected = false;
  #draining = false;
  #counted = false;
  #countedAs: string | undefined;

  /** The peer of a connection. */
  constructor(address: Address | undefined, context: ServerContext, encrypted = false) {
    this.remoteAddress = this.#address = address;
    this.#encrypted = encrypted;
    this.secure = encrypted || undefined;
    this.#context = context;
  }

  /** A PROXY header has said who connects; without an address, the connection's own stands. */
  proxied(source: Address | undefined): void {
    this.remoteAddress = this.#address = source ?? this.#address;
  }

  /** Admits one more connection. */
  connect(): HandshakeRefusal | undefined {
    const refusal = this.#context.admission.connect();
    this.#connected = refusal === undefined;
    return refusal;
  }

  /** Admits the connection for its address, where the address is known already. */
  enterConnection(): HandshakeRefusal | undefined {
    return this.#context.trustProxy === undefined ? this.#enter() : undefined;
  }

  /** Admits the WebSocket connection that is about to open. */
  enterWebSocket(): HandshakeRefusal | undefined {
    return this.#enter();
  }

  /** Counts the peer out. */
  leave(): void {
    const { admission } = this.#context;
    if (this.#connected) admission.disconnect();
    if (this.#draining) admission.draining--;
    if (this.#counted) admission.leave(this.#countedAs);
    this.#connected = this.#draining = this.#counted = false;
  }

  /** The connection has ended, but still counts until `leave()`: messages wait for its handler. */
  drain(): void {
    if (!this.#connected) return;
    this.#context.admission.disconnect();
    this.#context.admission.draining++;
    this.#connected = false;
    this.#draining = true;
  }

  /**
   * Finds out which client makes a request. Returns the request as that client made it, or how to
   * refuse it.
   */
  identify(head: RequestHead): RequestHead | HandshakeRefusal {
    const { trustProxy, admission, hosts } = this.#context;
    let identified = head;
    if (trustProxy !== undefined) {
      const forwarding = resolveForwarding(head, this.#address, trustProxy);
      if ("status" in forwarding) return { ...forwarding, headers: [], cause: "proxy" };
      this.remoteAddress = forwarding.remoteAddress;
      this.secure = forwarding.secure ?? (this.#encrypted || undefined);
      if (forwarding.host !== undefined) identified = withHost(head, forwarding.host);
    }
    const misdirected = hosts?.(identified);
    if (misdirected !== undefined) return misdirected;
    const refusal = isUpgradeRequest(head)
      ? admission.handshake(this.remoteAddress?.hostname)
      : undefined;
    return refusal ?? identified;
  }

  #enter(): HandshakeRefusal | undefined {
    if (this.#counted) return undefined;
    this.#countedAs = this.remoteAddress?.hostname;
    const refusal = this.#context.admission.enter(this.#countedAs);
    this.#counted = refusal === undefined;
    return refusal;
  }
}

/** The request with the host that its client asked for: for its URL and for the origin rule. */
function withHost(head: RequestHead, host: string): RequestHead {
  const headers = new HeaderFields();
  for (const [name, value] of head.headers) headers.append(name, value);
  headers.set("host", host);
  return { ...head, headers };
}
