// What the two ends of a TLS connection can be told, and how it is checked. The shims hand it to
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
  /** The certificate, and behind it those that lead from it to an authority. */
  readonly cert: string;
}

/** TLS for a server. For whoever has no proxy in front that ends TLS. */
export interface TlsServerOptions extends TlsCertificate {
  /**
   * Another certificate by the name that the client asks for (RFC 6066 section 3): for a server of
   * several names. Called with each connection that names one; undefined chooses `key` and `cert`.
   * Return the same object for the same name, so that its key is read once. Default: none.
   */
  readonly sni?: (
    servername: string,
  ) => TlsCertificate | undefined | Promise<TlsCertificate | undefined>;
  /**
   * Whether clients show a certificate: "request" takes those that have none as well, "require"
   * does not. One that `ca` does not vouch for is refused either way. For services that know each
   * other. Default: none is asked for.
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
   * Whether the certificate is judged: without that any is taken, and so any impostor. False is for
   * tests only. Default: true.
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
