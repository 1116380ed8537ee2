// The runtime of a network in memory: its listeners, and how they are reached.

import { abortReason, onAbort } from "../util/abort.ts";
import type { DeflateBackend } from "../deflate/backend.ts";
import { isObject, kind, type OptionTable, text } from "../util/check_options.ts";
import type { Clock } from "../util/clock.ts";
import { formatRefusal, refuse } from "../handshake/refusal.ts";
import { refuseAddresses } from "../transport/addresses.ts";
import { DIALLING, failed, LISTENING } from "../transport/network_error.ts";
import type { TlsInfo } from "../transport/tls.ts";
import type { Address, DialOptions, Listener, Runtime, Transport } from "../transport/transport.ts";
import { MemoryLink } from "./link.ts";
import { MemoryTransport } from "./memory_transport.ts";

/** The host of a client and of a server that name none. */
export const LOCAL = "127.0.0.1";

/** Names and addresses of the host on which a server listens that names none. */
const LOCALS: readonly string[] = [LOCAL, "localhost", "0.0.0.0", "::", "::1"];

/** What a server on a network in memory learns of its client. */
export interface ClientEnd {
  /**
   * The host that connects, by any name; a server's host is its `hostname`. Default: "127.0.0.1".
   */
  readonly from?: string | undefined;
  /** The client's address, as the server sees it. Default: that of `from`, and a free port. */
  readonly remoteAddress?: Address | undefined;
  /**
   * What both ends report of TLS. The network in memory has none: it only says so. Needed for
   * `wss:`. Default: none.
   */
  readonly tlsInfo?: TlsInfo | undefined;
}

/** How to connect on a network in memory. */
export interface MemoryDialOptions extends DialOptions, ClientEnd {}

/** What each of these may be; for `connect()` and raw peers. */
export const CLIENT_END: OptionTable<ClientEnd> = {
  from: text,
  remoteAddress: kind(
    "an object with hostname, a string, and port, a whole number from 0 to 65535",
    (value) =>
      isObject(value) && typeof value["hostname"] === "string" && Number.isInteger(value["port"]) &&
      (value["port"] as number) >= 0 && (value["port"] as number) <= 65_535,
  ),
  tlsInfo: kind("an object with servername and peerCertificate", isObject),
};

/** How an attempt to connect fails. */
export type RefusalKind = number | "reset" | "timeout";

/** A network in memory. */
export class MemoryRuntime implements Runtime {
  readonly clock: Clock | undefined;
  readonly deflate: DeflateBackend | undefined;
  /** The ends of its connections, until each is gone. */
  readonly links: Map<Transport, MemoryLink> = new Map();
  /** How the next attempts to connect fail, and how many each time; the next one first. */
  readonly refusals: { times: number; readonly kind: RefusalKind }[] = [];
  /** Hosts that do not reach each other. */
  readonly #apart = new Set<string>();
  /** Attempts to connect that wait for a host which is out of reach. */
  readonly #waiting = new Set<() => void>();
  readonly #listening: { readonly address: Address; accept(transport: Transport): void }[] = [];
  #nextPort = 49_152;

  /** A network of its own. */
  constructor(clock: Clock | undefined, deflate?: DeflateBackend) {
    this.clock = clock;
    this.deflate = deflate;
  }

  /** Implements {@linkcode Runtime}. */
  listen: Runtime["listen"] = ({ hostname, port, path, tls }, accept): Promise<Listener> => {
    if (path !== undefined || tls !== undefined) return Promise.reject(unsupported());
    const address = { hostname, port: port === 0 ? this.#nextPort++ : port };
    if (this.#listening.some(({ address: other }) => isSame(other, address))) {
      const reason = { code: "EADDRINUSE", said: "" };
      return Promise.reject(failed(LISTENING, { hostname, port }, reason));
    }
    const entry = { address, accept };
    this.#listening.push(entry);
    return Promise.resolve({
      address,
      close: () => {
        const place = this.#listening.indexOf(entry);
        if (place >= 0) this.#listening.splice(place, 1);
        return Promise.resolve();
      },
    });
  };

  /** Implements {@linkcode Runtime}. */
  dial = async (address: Address, options: MemoryDialOptions): Promise<Transport> => {
    const { signal, path, tls, tlsInfo } = options;
    refuseAddresses(options, "on a network in memory, whose hosts have names alone; leave it out");
    const from = hostOf(options.from ?? LOCAL);
    if (path !== undefined || (tls !== undefined && tlsInfo === undefined)) throw unsupported();
    const to = hostOf(address.hostname);
    if (signal?.aborted) throw abortReason(signal);
    const refusal = this.#takeRefusal();
    if (refusal === "reset") {
      throw failed(DIALLING, address, { code: "ECONNRESET", said: "" });
    }
    while (refusal === "timeout" || this.#apart.has(pairOf(from, to))) await this.#wait(signal);
    const found = this.#listening.find(({ address: listens }) => isSame(listens, address));
    if (found === undefined && typeof refusal !== "number") {
      throw failed(DIALLING, address, { code: "ECONNREFUSED", said: "" });
    }
    const client = options.remoteAddress ?? { hostname: from, port: this.#nextPort++ };
    const ends = { client, server: address, clock: this.clock, tls: tlsInfo };
    const [near, far] = MemoryTransport.pair(ends);
    const link = new MemoryLink(from, to, near, far);
    for (const end of [near, far]) {
      this.links.set(end, link);
      end.onGone = () => this.links.delete(end);
    }
    if (typeof refusal === "number") answer(far, refusal);
    else found!.accept(far);
    return near;
  };

  #takeRefusal(): RefusalKind | undefined {
    const [next] = this.refusals;
    if (next !== undefined && --next.times === 0) this.refusals.shift();
    return next?.kind;
  }

  /** The links whose connections are open, in the order in which they were made. */
  get openLinks(): MemoryLink[] {
    return [...new Set(this.links.values())].filter(({ open }) => open);
  }

  /** The state of the network, for an error. */
  describe(): string {
    const links = this.openLinks.map((link) => link.describe());
    const parts = links.length === 0 ? ["no connection is open"] : links.slice(0, 20);
    for (const { times, kind } of this.refusals) {
      parts.push(`${times} attempts will get ${JSON.stringify(kind)}`);
    }
    for (const pair of this.#apart) parts.push(`${pair.replace(" ", " and ")} are separated`);
    return parts.join("; ");
  }

  /** Sets whether two hosts reach each other. */
  part(one: string, other: string, apart: boolean): void {
    const pair = pairOf(hostOf(one), hostOf(other));
    if (apart) this.#apart.add(pair);
    else this.#apart.delete(pair);
    this.#changed();
  }

  /** All hosts reach each other. */
  join(): void {
    this.#apart.clear();
    this.#changed();
  }

  #changed(): void {
    for (const link of this.links.values()) {
      link.partition(this.#apart.has(pairOf(link.from, link.to)));
    }
    for (const look of this.#waiting) look();
  }

  /** Resolves when the hosts that reach each other have changed; rejects when the signal fires. */
  async #wait(signal: AbortSignal | undefined): Promise<void> {
    let stop: (() => void) | undefined;
    let look!: () => void;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.add(look = resolve);
        stop = signal && onAbort(signal, () => reject(abortReason(signal)));
      });
    } finally {
      this.#waiting.delete(look);
      stop?.();
    }
  }
}

/**
 * Makes a network of its own in memory, as a runtime: a listener on it can be dialled on it, and
 * nowhere else.
 *
 * @param clock Drives what waits on it. Default: the system's clock.
 * @returns The runtime.
 */
export function createMemoryRuntime(clock?: Clock): Runtime {
  const runtime = new MemoryRuntime(clock);
  return {
    clock: runtime.clock,
    listen: runtime.listen,
    dial: runtime.dial,
  };
}

/** Answers the first request with a status, and ends the connection. */
function answer(transport: Transport, status: number): void {
  let head = "";
  transport.sink = {
    data(chunk) {
      head += String.fromCharCode(...chunk);
      if (!head.includes("\r\n\r\n")) return;
      transport.write(formatRefusal(refuse(status, "The test refuses this connection")));
      transport.end();
    },
    end: () => transport.end(),
    drain() {},
    closed() {},
  };
  transport.resume();
}

function hostOf(hostname: string): string {
  const name = hostname.toLowerCase(); // as URLs have it
  return LOCALS.includes(name) ? LOCAL : name;
}

function isSame(one: Address, other: Address): boolean {
  return one.port === other.port && hostOf(one.hostname) === hostOf(other.hostname);
}

function pairOf(one: string, other: string): string {
  return [one, other].sort().join(" ");
}

/**
 * A network in memory has no TLS and no files. It refuses both, because a caller that asks for them
 * must not get a connection without.
 */
function unsupported(): TypeError {
  return new TypeError(
    "Expected neither TLS nor a unix socket, the network in memory has none; " +
      "for wss: give connect() of createNetwork() the option tlsInfo",
  );
}
