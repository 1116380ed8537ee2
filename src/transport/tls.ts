// The TLS options of both ends of a connection, and how they are checked. The shims pass them to
// the runtime.

import {
  callback,
  flag,
  oneOf,
  type OptionTable,
  text,
  textOrTexts,
} from "../util/check_options.ts";

/** A certificate and its private key, both as PEM. */
export interface TlsCertificate {
  /** The private key. */
  readonly key: string;
  /** The certificate, followed by those that lead from it to an authority. */
  readonly cert: string;
}

/** TLS for a server that has no proxy in front of it that ends TLS. */
export interface TlsServerOptions extends TlsCertificate {
  /**
   * Chooses another certificate by the name that the client asks for (RFC 6066 section 3), for a
   * server with several names. Called with each connection that names one; undefined chooses `key`
   * and `cert`. Return the same object for the same name, so that its key is read once. Default:
   * none.
   */
  readonly sni?: (
    servername: string,
  ) => TlsCertificate | undefined | Promise<TlsCertificate | undefined>;
  /**
   * Whether clients have to show a certificate: "request" also takes clients that have none,
   * "require" does not. A certificate that `ca` does not vouch for is refused either way. For
   * services that know each other. Default: the server asks for none.
   */
  readonly clientCertificates?: "request" | "require";
  /**
   * The authorities of the certificates of clients, as PEM. Default: those that the runtime trusts.
   */
  readonly ca?: string | readonly string[];
}

/** What each of these may be. */
export const TLS_SERVER_OPTIONS: OptionTable<TlsServerOptions> = {
  key: text,
  cert: text,
  sni: callback,
  clientCertificates: oneOf("request", "require"),
  ca: textOrTexts,
};

/** TLS for a client. */
export interface TlsClientOptions {
  /**
   * The authorities to trust, as PEM: for a server with a certificate of its own making. Default:
   * those that the runtime trusts.
   */
  readonly ca?: string | readonly string[];
  /**
   * The certificate to show when the server asks for one, as PEM; together with `key`. Default:
   * none.
   */
  readonly cert?: string;
  /** The private key of `cert`, as PEM. Default: none. */
  readonly key?: string;
  /** The name to ask for and to find in the server's certificate. Default: the host of the URL. */
  readonly servername?: string;
  /**
   * Whether the server's certificate is checked. With false any certificate is taken, so any server
   * can pretend to be the right one: for tests only. Default: true.
   */
  readonly rejectUnauthorized?: boolean;
}

/** What each of these may be. */
export const TLS_CLIENT_OPTIONS: OptionTable<TlsClientOptions> = {
  ca: textOrTexts,
  cert: text,
  key: text,
  servername: text,
  rejectUnauthorized: flag,
};

/** What is known about the TLS of a connection. */
export interface TlsInfo {
  /** The name that the client asked for (RFC 6066 section 3). */
  readonly servername: string | undefined;
  /** The peer's certificate as DER, when it showed one; on a server it has been verified. */
  readonly peerCertificate: Uint8Array<ArrayBuffer> | undefined;
}
