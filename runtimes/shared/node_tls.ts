// TLS by `node:tls`, on all three runtimes; a server on Bun speaks TLS by bun/listen_tls.ts where
// that can do what its options ask for. `Deno.listenTls` has neither client certificates nor SNI by
// a function, and cannot set TCP_NODELAY: an echo of more than one TLS record (16 KiB) took 44 ms.
// It would save half of the CPU time of small messages.
//
// 1. The end of one side is `close_notify` and a FIN behind it (RFC 8446 section 6.1); the other
//    side stays open.
// 2. A connection counts from its beginning, and is accepted when its TLS handshake is complete;
//    one whose handshake takes too long is cut.
// 3. Deno's TLSSocket does not stop its socket when it is paused: without the gate, memory would
//    hold all that a peer sends, 800 MiB after 1.5 s. The gate costs an echo of 20 octets 0.15 of
//    its CPU time, and one of 64 KiB 0.4; an echo that does nothing else pays the same. Deno also
//    loses the end of a stream that was not paused before its handshake.

import { createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import type { ConnectionOptions, TlsOptions, TLSSocket } from "node:tls";
import type { TlsClientOptions } from "../../src/transport/tls.ts";
import type { Address, Arrival, DialOptions, Listener } from "../../src/transport/transport.ts";
import type { ListenOptions, Transport } from "../../src/transport/transport.ts";
import type { DialTarget } from "../../src/transport/happy_eyeballs.ts";
import { DIALLING, LISTENING } from "../../src/transport/network_error.ts";
import { failure } from "./system_error.ts";
import { bind, open } from "./node_net.ts";
import { addressOf, NodeTransport } from "./node_transport.ts";
import { clientSettings, judgeTls, load, serverSettings, tls } from "./tls_settings.ts";
import type { SecureListenOptions } from "./tls_settings.ts";

/** Longer than any deadline of the library: for a caller that sets none. */
export const LONG = 120_000;

/** Why a handshake has failed when the client ended or reset the connection. */
export const GONE = "The client has gone";

/** What the runtimes say of such a client. */
const GONE_CODES: readonly unknown[] = ["ECONNRESET", "EPIPE", "ERR_STREAM_DESTROYED"];

/** Whether sockets need a gate: by the runtime, since Deno can be told to use the shim for Node. */
export const gated: boolean = "Deno" in globalThis;

/** What TLS on a client needs. */
export type SecureDialOptions = DialOptions & { readonly tls: TlsClientOptions };

/**
 * Listens for TLS.
 *
 * @param options Where, and with which certificates.
 * @param accept Called with each connection once its handshake is complete, paused.
 * @returns The listener.
 */
export async function listenTls(
  options: SecureListenOptions,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  const settings = await prepareServer(options);
  const timeout = options.handshakeTimeout ?? LONG;
  const handshakes = new Handshakes(options, accept);
  if (gated) return await listenGated(options, settings, timeout, handshakes);
  // Half of a connection is enough once its handshake is complete; before, Node would wait for the
  // rest of it.
  const server = tls.createServer(
    { ...settings, allowHalfOpen: false, noDelay: true, handshakeTimeout: timeout },
    (socket) => {
      socket.allowHalfOpen = true;
      handshakes.complete(carrierOf(socket), socket, () => new NodeTransport(socket, socket, true));
    },
  );
  server.on("connection", (carrier) => handshakes.begin(carrier));
  server.on("tlsClientError", (error, socket) => {
    handshakes.fail(carrierOf(socket), explain(error, socket));
    socket.destroy();
  });
  return handshakes.cutAtClose(await bind(server, options));
}

/**
 * Checks the options of a server and loads what it needs.
 *
 * @param options Where to listen, and with which certificates.
 * @returns What `tls.createServer()` takes.
 * @throws {TypeError} When options do not go together, or the runtime cannot do one.
 * @throws {Error} When a key or a certificate cannot be used.
 */
export async function prepareServer(options: SecureListenOptions): Promise<TlsOptions> {
  judgeTls(options.tls);
  await load();
  try {
    return serverSettings(options);
  } catch (error) {
    throw failure(LISTENING, options, error);
  }
}

async function listenGated(
  options: ListenOptions,
  settings: TlsOptions,
  timeout: number,
  handshakes: Handshakes,
): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (carrier) => {
    if (!handshakes.begin(carrier)) return;
    const gate = new Gate(carrier);
    const fail = (error: Error, socket?: TLSSocket): void => {
      handshakes.fail(carrier, explain(error, socket));
      carrier.destroy();
    };
    const late = (): void => fail(tooSlow());
    const timer = setTimeout(late, timeout);
    carrier.on("close", () => clearTimeout(timer));
    // The last octets of a handshake complete it before the end behind them is read.
    const gone = (): void => fail(new Error(GONE));
    gate.on("end", gone);
    // One for each connection, since nothing leads from a TLSSocket to the stream below it. It is a
    // light object here.
    const own = { ...settings, ...gate.waking(settings.SNICallback), pauseOnConnect: true };
    const acceptor = tls.createServer(own, (socket) => {
      clearTimeout(timer);
      gate.off("end", gone);
      handshakes.complete(carrier, socket, () => {
        gate.pause();
        return new GatedTransport(socket, carrier, gate);
      });
    });
    acceptor.on("tlsClientError", fail);
    acceptor.emit("connection", gate);
  });
  return handshakes.cutAtClose(await bind(server, options));
}

/**
 * The TCP connections whose TLS handshake is under way. Each has been let in once, and leaves once:
 * when its handshake is complete, or when it fails, or at the latest when its socket closes, even
 * if the runtime reports nothing else.
 */
class Handshakes {
  readonly #arrive: (remoteAddress: Address | undefined) => Arrival | undefined;
  readonly #underWay = new Map<Socket, Arrival>();

  constructor({ arrive }: ListenOptions, accept: (transport: Transport) => void) {
    this.#arrive = arrive ?? (() => ({ accepted: accept, failed() {} }));
  }

  /** A connection has come; false when it is not let in, and has been cut. */
  begin(carrier: Socket): boolean {
    const arrival = this.#arrive(addressOf(carrier.remoteAddress, carrier.remotePort));
    if (arrival === undefined) {
      // 'close' follows; without a listener an error would end the process.
      carrier.on("error", () => {}).destroy();
      return false;
    }
    this.#underWay.set(carrier, arrival);
    // Node may say only behind it why it has closed the connection itself.
    carrier.on("close", () => setImmediate(() => this.fail(carrier, new Error(GONE))));
    return true;
  }

  /** The handshake is complete. */
  complete(carrier: Socket, socket: TLSSocket, transport: () => Transport): void {
    const arrival = this.#underWay.get(carrier);
    if (arrival === undefined) return void socket.destroy();
    if (!isWelcome(socket)) {
      this.fail(carrier, explain(new Error("The client's certificate is not trusted"), socket));
      return void socket.destroy();
    }
    this.#underWay.delete(carrier);
    arrival.accepted(transport());
  }

  /** The handshake has failed. */
  fail(carrier: Socket, error: Error): void {
    const arrival = this.#underWay.get(carrier);
    this.#underWay.delete(carrier);
    arrival?.failed(error);
  }

  /** A listener that, when it closes, also cuts the connections whose handshake is under way. */
  cutAtClose(listener: Listener): Listener {
    return {
      ...listener,
      close: (): Promise<void> => {
        for (const carrier of this.#underWay.keys()) carrier.destroy();
        return listener.close();
      },
    };
  }
}

/** The TCP connection below a TLSSocket, by what Node's keeps of it; on Bun they are one. */
function carrierOf(socket: TLSSocket): Socket {
  return (socket as { readonly _parent?: Socket })._parent ?? socket;
}

/**
 * Why a handshake has failed: Node ends it in the same way for a certificate that is not trusted
 * and for a peer that hangs up.
 */
export function explain(
  error: Error,
  socket: { readonly authorizationError?: unknown } | undefined,
): Error {
  const untrusted = socket?.authorizationError;
  if (untrusted) {
    return new Error(`The client's certificate is not trusted: ${untrusted}`, { cause: error });
  }
  const gone = GONE_CODES.includes((error as { readonly code?: unknown }).code);
  return gone ? new Error(GONE, { cause: error }) : error;
}

/** Why a handshake has failed that took too long: what Node says. */
export function tooSlow(): Error {
  return Object.assign(new Error("TLS handshake timeout"), { code: "ERR_TLS_HANDSHAKE_TIMEOUT" });
}

/**
 * Connects over TLS.
 *
 * @param address Where to.
 * @param options The signal, the certificates to trust and the one to send.
 * @returns The transport, once the handshake is complete.
 */
export async function dialTls(
  address: DialTarget,
  options: SecureDialOptions,
): Promise<Transport> {
  judgeTls(options.tls);
  await load();
  let settings: ConnectionOptions;
  try {
    settings = clientSettings(options.tls, address.hostname);
  } catch (error) {
    throw failure(DIALLING, { ...address, path: options.path, secure: true }, error);
  }
  return await open(address, options, (carrier) => {
    const gate = gated ? new Gate(carrier) : undefined;
    const all: ConnectionOptions & { readonly allowHalfOpen: boolean } = {
      ...settings,
      socket: gate ?? carrier,
      allowHalfOpen: true,
    };
    const socket = tls.connect(all);
    socket.pause();
    carrier.on("error", () => {}); // the TLSSocket reports it as its own
    return {
      event: "secureConnect",
      stream: socket,
      connected: () =>
        gate === undefined
          ? new NodeTransport(socket, carrier, true)
          : new GatedTransport(socket, carrier, gate),
    };
  });
}

/** With "request" the handshake goes on with any certificate, or none. */
function isWelcome(socket: TLSSocket): boolean {
  const certificate = socket.getPeerCertificate() as { raw?: Uint8Array } | null | undefined;
  return socket.authorized || certificate?.raw === undefined;
}

/** A socket that stops when it is paused, though a TLSSocket reads from it. */
class Gate extends Duplex {
  readonly #carrier: Socket;

  constructor(carrier: Socket) {
    super({ allowHalfOpen: true });
    this.#carrier = carrier;
    carrier.on("data", (chunk) => {
      if (!this.push(chunk)) carrier.pause();
    });
    carrier.on("end", () => this.push(null));
    carrier.on("error", () => {}); // 'close' follows; without a listener it would end the process
    carrier.on("close", () => this.destroy());
  }

  /**
   * Wakes Deno after an SNICallback that takes its time: Deno would go on only when the next bytes
   * come, but the client waits for the server.
   */
  waking(callback: TlsOptions["SNICallback"]): Pick<TlsOptions, "SNICallback"> {
    if (callback === undefined) return {};
    return {
      SNICallback: (name, done) =>
        callback(name, (error, context) => {
          done(error, context);
          if (!this.destroyed) this.emit("data", new Uint8Array(0));
        }),
    };
  }

  override _read(): void {
    this.#carrier.resume();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    // Deno would take a write that fails for done; the carrier's 'error' or 'close' follows.
    this.#carrier.write(chunk, (error) => void (error || done()));
  }

  override _final(done: () => void): void {
    this.#carrier.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#carrier.destroy();
    done(error);
  }
}

/** The transport of a TLSSocket that does not stop its stream, which therefore is told apart. */
export class GatedTransport extends NodeTransport {
  readonly #gate: Duplex;

  constructor(socket: TLSSocket, carrier: Socket, gate: Duplex) {
    super(socket, carrier);
    this.#gate = gate;
    // Through the gate Deno would lose the error.
    carrier.on("error", (error) => socket.destroy(error));
  }

  override pause(): void {
    super.pause();
    this.#gate.pause();
  }

  override resume(): void {
    this.#gate.resume();
    super.resume();
  }
}
