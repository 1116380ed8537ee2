// The TLS options of both ends of a connection, and how they are checked. The shims pass them to
// the runtime.

import { isUint8Array } from "../util/brands.ts";
import {
  callback,
  flag,
  kind,
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
  /** What `key` is encrypted with. Default: it is not encrypted. */
  readonly passphrase?: string;
}

/** A version of TLS. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** What both ends may set. */
export interface TlsCommonOptions {
  /** The private key of `cert`, as PEM. Default: none. */
  readonly key?: string;
  /**
   * The certificate of this end, followed by those that lead from it to an authority, as PEM;
   * together with `key`. Default: none.
   */
  readonly cert?: string;
  /** A certificate and its key as PKCS#12, in place of `cert` and `key`. Default: none. */
  readonly pfx?: Uint8Array;
  /** What `key` or `pfx` is encrypted with. Default: neither is encrypted. */
  readonly passphrase?: string;
  /**
   * The authorities to trust, as PEM: of a certificate that no public authority has signed.
   * Default: those that the runtime trusts.
   */
  readonly ca?: string | readonly string[];
  /**
   * Lists of revoked certificates, as PEM (RFC 5280 section 5), one for each authority of the
   * peer's certificate. A certificate on one of them is refused. Deno does not read them: there the
   * option is refused. Default: none.
   */
  readonly crl?: string | readonly string[];
  /**
   * The application protocols for the other end to choose from, the preferred one first (RFC 7301).
   * `ws.tls` says which was chosen. A client whose protocols a server does not know is refused by
   * most servers. Default: none.
   */
  readonly alpnProtocols?: readonly string[];
  /** The oldest version of TLS to speak. Default: "TLSv1.2". */
  readonly minVersion?: TlsVersion;
  /** The newest version of TLS to speak. Default: "TLSv1.3". */
  readonly maxVersion?: TlsVersion;
}

const protocolNames = kind(
  "a list of names, each of 1 to 255 printable characters of ASCII",
  (value) =>
    Array.isArray(value) && value.length > 0 &&
    value.every((name) => typeof name === "string" && /^[!-~]{1,255}$/.test(name)),
);
const version = oneOf("TLSv1.2", "TLSv1.3");

const COMMON: OptionTable<TlsCommonOptions> = {
  key: text,
  cert: text,
  pfx: kind("octets of a Uint8Array", isUint8Array),
  passphrase: text,
  ca: textOrTexts,
  crl: textOrTexts,
  alpnProtocols: protocolNames,
  minVersion: version,
  maxVersion: version,
};

/** TLS for a server that has no proxy in front of it that ends TLS; with a certificate. */
export interface TlsServerOptions extends TlsCommonOptions {
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
}

/** What each of these may be. */
export const TLS_SERVER_OPTIONS: OptionTable<TlsServerOptions> = {
  ...COMMON,
  sni: callback,
  clientCertificates: oneOf("request", "require"),
};

/** What a server's certificate says, as `checkServerIdentity` gets it. */
export interface TlsPeerCertificate {
  /** All of it, as DER. */
  readonly raw: Uint8Array<ArrayBuffer>;
  /** The SHA-256 of `raw`, as pairs of hexadecimal digits with colons between them. */
  readonly fingerprint256: string;
  /** The serial number, in hexadecimal digits. */
  readonly serialNumber: string;
  /** The names and addresses that it is for, as in "DNS:example.org, IP Address:192.0.2.1". */
  readonly subjectaltname?: string;
  /** Whose it is, by the parts of the name: `CN`, `O` and others. */
  readonly subject: Readonly<Record<string, string | string[] | undefined>>;
  /** Who has signed it, by the parts of the name. */
  readonly issuer: Readonly<Record<string, string | string[] | undefined>>;
}

/** TLS for a client. */
export interface TlsClientOptions extends TlsCommonOptions {
  /**
   * The name to ask for and to find in the server's certificate, or the IP address to find there.
   * Default: the host of the URL.
   */
  readonly servername?: string;
  /**
   * Whether the server's certificate is checked. With false any certificate is taken, so any server
   * can pretend to be the right one: for tests only. Default: true.
   */
  readonly rejectUnauthorized?: boolean;
  /**
   * Looks at the server's certificate once an authority vouches for it, in place of the check that
   * it is for the right name: to pin a key, or for names of another kind. `checkServerIdentity()`
   * of `node:tls` is what it replaces, and may be called in it. Default: that check.
   *
   * @returns Undefined, or the error with which `connect()` rejects; so it does with what is
   * thrown. An error without a `code` gets `ERR_TLS_IDENTITY`.
   */
  readonly checkServerIdentity?: (
    hostname: string,
    certificate: TlsPeerCertificate,
  ) => Error | undefined;
}

/** What each of these may be. */
export const TLS_CLIENT_OPTIONS: OptionTable<TlsClientOptions> = {
  ...COMMON,
  servername: text,
  rejectUnauthorized: flag,
  checkServerIdentity: callback,
};

/** What is known about the TLS of a connection. */
export interface TlsInfo {
  /** The name that the client asked for (RFC 6066 section 3). */
  readonly servername: string | undefined;
  /** The peer's certificate as DER, when it showed one; on a server it has been verified. */
  readonly peerCertificate: Uint8Array<ArrayBuffer> | undefined;
  /** The application protocol on which both ends agreed, by `alpnProtocols`. */
  readonly alpnProtocol?: string | undefined;
  /** The version of TLS: "TLSv1.2" or "TLSv1.3". */
  readonly version?: string | undefined;
}
