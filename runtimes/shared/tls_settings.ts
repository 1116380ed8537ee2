// The options of TLS as `node:tls` takes them. They are checked where the runtimes would not check
// them, or each in a way of its own.

import type { ConnectionOptions, SecureContext, TlsOptions } from "node:tls";
import type {
  TlsCertificate,
  TlsClientOptions,
  TlsServerOptions,
} from "../../src/transport/tls.ts";
import type { ListenOptions } from "../../src/transport/transport.ts";

/**
 * The TLS of the runtime, loaded when a program asks for it. This file itself is not loaded apart,
 * since a bundler that makes one file would then wrap in functions all that it imports: 2 KB more
 * for a client.
 */
export let tls: typeof import("node:tls");
let crypto: typeof import("node:crypto");

/** Loads it. */
export async function load(): Promise<void> {
  [tls, crypto] = await Promise.all([import("node:tls"), import("node:crypto")]);
}

/** What TLS on a server needs besides where to listen. */
export type SecureListenOptions = ListenOptions & { readonly tls: TlsServerOptions };

/**
 * The settings of a server.
 *
 * @param options With which certificates, and where `sni` reports to.
 * @returns What `tls.createServer()` takes.
 * @throws When a key or a certificate cannot be used.
 */
export function serverSettings({ tls: options, sniFailed }: SecureListenOptions): TlsOptions {
  const { key, cert, ca, clientCertificates, sni } = options;
  const trusted = ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] };
  const settings: TlsOptions = { key, cert, ...trusted };
  if (clientCertificates !== undefined) {
    settings.requestCert = true;
    settings.rejectUnauthorized = clientCertificates === "require";
  }
  check(settings, { key, cert });
  if (sni === undefined) return settings;
  const contexts = new WeakMap<TlsCertificate, SecureContext>();
  const contextOf = (certificate: TlsCertificate): SecureContext => {
    let context = contexts.get(certificate);
    if (context === undefined) {
      const own = { ...trusted, key: certificate.key, cert: certificate.cert };
      context = check(own, certificate);
      contexts.set(certificate, context);
    }
    return context;
  };
  const choose = async (name: string): Promise<SecureContext | undefined> => {
    const certificate = await sni(name);
    if (certificate === undefined) return undefined;
    try {
      return contextOf(certificate);
    } catch (error) {
      const { message } = error as Error;
      throw new TypeError(
        `Expected a certificate and its key from tls.sni(${
          JSON.stringify(name)
        }), got what cannot be used: ${message}`,
        { cause: error },
      );
    }
  };
  settings.SNICallback = (name, done) => {
    if (name === "") return done(null); // Deno asks even when the client names none
    choose(name).then((context) => done(null, context), (error) => {
      // The runtime then ends the connection, and reports nothing.
      sniFailed?.(error);
      done(error);
    });
  };
  return settings;
}

/**
 * Throws at once the error with which each connection would fail: Deno looks at a key when it first
 * needs it, if at all.
 */
function check(settings: TlsOptions, { key, cert }: TlsCertificate): SecureContext {
  if (!new crypto.X509Certificate(cert).checkPrivateKey(crypto.createPrivateKey(key))) {
    throw new Error("the key is not that of the certificate");
  }
  return tls.createSecureContext(settings);
}

/**
 * The settings of a client.
 *
 * @param options The certificates to trust and the one to send.
 * @param hostname The host of the URL.
 * @returns What `tls.connect()` takes, besides the socket.
 * @throws When they cannot be used.
 */
export function clientSettings(options: TlsClientOptions, hostname: string): ConnectionOptions {
  const { ca, cert, key, rejectUnauthorized = true } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("Expected tls.cert and tls.key together, got one of them");
  }
  const isAddress = hostname.includes(":") || /^\d+(\.\d+){3}$/.test(hostname);
  const servername = options.servername ?? (isAddress ? undefined : hostname);
  return {
    // The name to find in the certificate; RFC 6066 section 3 has no addresses in `servername`.
    host: options.servername ?? hostname,
    rejectUnauthorized,
    ...(servername === undefined ? {} : { servername }),
    ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}
