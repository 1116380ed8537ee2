// A server with TLS on Bun's own sockets.
//
// 1. Bun calls `open` when TCP has accepted, and `handshake` once, with success or without. No
//    octets come before it has succeeded.
// 2. The verdict on a client's certificate is the program's: Bun calls a handshake a success also
//    with one that is not trusted.
// 3. What is no TLS behind the handshake, Bun gives to the `error` hook, as it does what a hook
//    throws. It must end that connection, and not the process.
// 4. `Bun.listen` asks no function for a certificate and reads no PKCS#12. With `tls.sni` or
//    `tls.pfx`, a server speaks TLS by shared/node_tls.ts.

import type { TlsOptions } from "node:tls";
import type { TlsInfo, TlsServerOptions, TlsVersion } from "../../src/transport/tls.ts";
import type { Arrival, Listener, Transport } from "../../src/transport/transport.ts";
import { type Deadline, systemClock } from "../../src/util/clock.ts";
import { explain, GONE, LONG, prepareServer, tooSlow } from "../shared/node_tls.ts";
import type { SecureListenOptions } from "../shared/tls_settings.ts";
import { bind } from "./listen.ts";
import type { BunSocket, BunTls } from "./namespace.ts";
import { hooksFrom, type SocketOwner } from "./socket_callbacks.ts";
import { addressOf, BunTransport } from "./transport.ts";

/** Whether `Bun.listen` can do what these options ask for. */
export function servesTls({ sni, pfx }: TlsServerOptions): boolean {
  return sni === undefined && pfx === undefined;
}

/**
 * Listens for TLS.
 *
 * @param options Where, and with which certificate.
 * @param accept Called with each connection once its handshake is complete, paused.
 * @returns The listener.
 */
export async function listenTls(
  options: SecureListenOptions,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  const settings = await prepareServer(options);
  const { arrive = () => ({ accepted: accept, failed() {} }), handshakeTimeout = LONG } = options;
  const underWay = new Set<Handshake>();
  const rules: Rules = { settings, timeout: handshakeTimeout, underWay };
  const hooks = hooksFrom((socket) => {
    const arrival = arrive(addressOf(socket.remoteAddress, socket.remotePort));
    if (arrival === undefined) socket.close();
    else socket.data = new Handshake(socket, arrival, rules);
  });
  const listener = bind(options, {
    ...hooks,
    handshake(socket, success, error): void {
      const handshake = socket.data as Handshake;
      if (underWay.has(handshake)) handshake.over(success, error);
    },
    error(socket, error): void {
      if ((error as { code?: unknown } | null)?.code !== "EPROTO") {
        return hooks.error(socket, error);
      }
      socket.data?.socketClosed(coded(error));
      socket.close();
    },
  }, bunTls(settings));
  return {
    ...listener,
    close(): Promise<void> {
      for (const handshake of underWay) handshake.cut();
      return listener.close();
    },
  };
}

/** The versions as they stand in records (RFC 8446 section 4.2.1). */
const VERSIONS: Readonly<Record<TlsVersion, number>> = { "TLSv1.2": 0x0303, "TLSv1.3": 0x0304 };

/** What `Bun.listen` takes of what `tls.createServer()` takes. */
function bunTls(settings: TlsOptions): BunTls {
  const { ALPNProtocols, minVersion, maxVersion, ...same } = settings;
  return {
    ...same as Pick<BunTls, "key" | "cert">,
    ...(ALPNProtocols && { ALPNProtocols: wireForm(ALPNProtocols as string[]) }),
    ...(minVersion && { minVersion: VERSIONS[minVersion as TlsVersion] }),
    ...(maxVersion && { maxVersion: VERSIONS[maxVersion as TlsVersion] }),
  };
}

function wireForm(protocols: readonly string[]): Uint8Array {
  return new TextEncoder().encode(
    protocols.map((name) => String.fromCharCode(name.length) + name).join(""),
  );
}

/** What the handshakes of a listener share. */
interface Rules {
  readonly settings: TlsOptions;
  /** Milliseconds that one may take. */
  readonly timeout: number;
  /** All of them. */
  readonly underWay: Set<Handshake>;
}

/** A TLS handshake that is under way, which owns its socket until then. */
class Handshake implements SocketOwner, Deadline {
  readonly waits = "a TLS handshake";
  readonly #socket: BunSocket<SocketOwner>;
  readonly #arrival: Arrival;
  readonly #rules: Rules;

  constructor(socket: BunSocket<SocketOwner>, arrival: Arrival, rules: Rules) {
    this.#socket = socket;
    this.#arrival = arrival;
    this.#rules = rules;
    rules.underWay.add(this);
    systemClock.startDeadline(this, rules.timeout);
  }

  /** Bun's `handshake` hook. */
  over(success: boolean, error: Error | null): void {
    const socket = this.#socket;
    if (!success) return this.#fail(explain(coded(error), undefined));
    const untrusted = this.#untrusted();
    if (untrusted !== undefined) return this.#fail(untrusted);
    this.#leave();
    const transport = new BunTransport(socket, new BunTlsInfo(socket));
    socket.data = transport;
    this.#arrival.accepted(transport);
    transport.opened();
  }

  /** What is wrong with the certificate of a client that was asked for one. */
  #untrusted(): Error | undefined {
    const { requestCert, rejectUnauthorized } = this.#rules.settings;
    const socket = this.#socket;
    if (!requestCert || socket.authorized) return undefined;
    if (!rejectUnauthorized && !socket.getPeerCertificate()?.raw) return undefined;
    const error = socket.getAuthorizationError();
    const unknown = new Error("The client's certificate is not trusted");
    return explain(error ?? unknown, { authorizationError: error?.code });
  }

  /** Implements {@linkcode Deadline}. */
  late(): void {
    this.#fail(tooSlow());
  }

  /** The listener is closing. */
  cut(): void {
    this.#fail(new Error(GONE));
  }

  received(): void {}

  writable(): void {}

  /** Bun lets the handshake fail by itself when there is none. */
  peerEnded(): void {}

  socketClosed(error: Error | undefined): void {
    this.#fail(error ? explain(error, undefined) : new Error(GONE));
  }

  #leave(): boolean {
    const { timeout, underWay } = this.#rules;
    systemClock.stopDeadline(this, timeout);
    return underWay.delete(this);
  }

  #fail(error: Error): void {
    if (!this.#leave()) return;
    this.#arrival.failed(error);
    this.#socket.close();
  }
}

/** An error of Bun's with the code that `node:tls` gives it. */
function coded(error: Error | null): Error {
  const { message } = error ?? {};
  const reason = /^error:[0-9a-f]+:SSL routines:[^:]*:(\w+)$/.exec(message ?? "")?.[1];
  if (reason === undefined) return error ?? new Error(GONE);
  return Object.assign(new Error(message), { code: `ERR_SSL_${reason}` });
}

/** What Bun knows of the TLS of a socket. */
class BunTlsInfo implements TlsInfo {
  readonly servername: string | undefined;
  readonly alpnProtocol: string | undefined;
  readonly version: string | undefined;
  readonly #socket: BunSocket<unknown>;
  #peerCertificate: Uint8Array<ArrayBuffer> | undefined;

  constructor(socket: BunSocket<unknown>) {
    this.#socket = socket;
    this.servername = socket.getServername() || undefined;
    this.alpnProtocol = socket.alpnProtocol || undefined;
    this.version = socket.getTLSVersion();
  }

  get peerCertificate(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#peerCertificate === undefined) {
      const raw = this.#socket.getPeerCertificate()?.raw;
      this.#peerCertificate = raw && new Uint8Array(raw);
    }
    return this.#peerCertificate;
  }
}
