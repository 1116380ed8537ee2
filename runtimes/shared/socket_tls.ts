// What is known about the TLS of a socket of `node:tls`.

import type { TLSSocket } from "node:tls";
import type { TlsInfo } from "../../src/transport/tls.ts";

/**
 * Asks the socket when it is asked itself: few want to know, and it costs a copy of the
 * certificate.
 */
export class SocketTls implements TlsInfo {
  readonly #socket: TLSSocket;
  #peerCertificate: Uint8Array<ArrayBuffer> | undefined;

  /** Takes a socket whose handshake is complete. */
  constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  /** Implements {@linkcode TlsInfo}. */
  get servername(): string | undefined {
    const { servername } = this.#socket as { servername?: string | false | null };
    return servername || undefined;
  }

  /** Implements {@linkcode TlsInfo}. */
  get alpnProtocol(): string | undefined {
    return this.#socket.alpnProtocol || undefined;
  }

  /** Implements {@linkcode TlsInfo}. */
  get version(): string | undefined {
    return this.#socket.getProtocol() ?? undefined;
  }

  /** Implements {@linkcode TlsInfo}. */
  get peerCertificate(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#peerCertificate === undefined) {
      // The runtimes disagree about no certificate: null, undefined or an object without `raw`.
      const { raw } = (this.#socket.getPeerCertificate() ?? {}) as { raw?: Uint8Array };
      this.#peerCertificate = raw && new Uint8Array(raw);
    }
    return this.#peerCertificate;
  }
}
