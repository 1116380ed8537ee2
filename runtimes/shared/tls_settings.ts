// The options of TLS as `node:tls` takes them. They are checked where the runtimes would not check
// them, or each in a way of its own.

import type { KeyObject } from "node:crypto";
import type {
  CommonConnectionOptions,
  ConnectionOptions,
  SecureContext,
  SecureContextOptions,
  TlsOptions,
} from "node:tls";
import type {
  TlsCertificate,
  TlsClientOptions,
  TlsCommonOptions,
  TlsServerOptions,
} from "../../src/transport/tls.ts";
import type { ListenOptions } from "../../src/transport/transport.ts";
import { asError } from "../../src/util/as_error.ts";
import { isError } from "../../src/util/brands.ts";
import { describe } from "../../src/util/check_options.ts";
import { withRow } from "../../src/util/error_row.ts";

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

/** What is said of credentials that cannot be used; the words say which. */
const UNUSABLE = "ERR_TLS_CREDENTIALS";

/**
 * The settings of a server.
 *
 * @param options With which certificates, and where `sni` reports to.
 * @returns What `tls.createServer()` takes.
 * @throws {TypeError} When options do not go together, or the runtime cannot do one.
 * @throws When a key or a certificate cannot be used.
 */
export function serverSettings({ tls: options, sniFailed }: SecureListenOptions): TlsOptions {
  const { clientCertificates, sni } = options;
  const settings: TlsOptions = commonSettings(options);
  if (clientCertificates !== undefined) {
    settings.requestCert = true;
    settings.rejectUnauthorized = clientCertificates === "require";
  }
  createContext(settings);
  if (sni === undefined) return settings;
  const contexts = new WeakMap<TlsCertificate, SecureContext>();
  const contextOf = (certificate: TlsCertificate): SecureContext => {
    let context = contexts.get(certificate);
    if (context === undefined) {
      const { key, cert, passphrase } = certificate;
      const { pfx: _, ...own } = { ...settings, key, cert, passphrase };
      context = createContext(own);
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
 * The settings of a client.
 *
 * @param options The certificates to trust and the one to send.
 * @param hostname The host of the URL.
 * @returns What `tls.connect()` takes, besides the socket.
 * @throws When a key or a certificate cannot be used.
 */
export function clientSettings(options: TlsClientOptions, hostname: string): ConnectionOptions {
  const { rejectUnauthorized = true, checkServerIdentity } = options;
  const host = options.servername ?? hostname;
  const isAddress = host.includes(":") || /^\d+(\.\d+){3}$/.test(host);
  const common = commonSettings(options);
  if (common.key !== undefined || common.pfx !== undefined || common.crl !== undefined) {
    createContext(common);
  }
  return {
    ...common,
    // The name to find in the certificate; RFC 6066 section 3 has no addresses in `servername`.
    host,
    rejectUnauthorized,
    ...(isAddress ? {} : { servername: host }),
    ...(checkServerIdentity === undefined ? {} : {
      checkServerIdentity:
        ((hostname, certificate) =>
          refusal(() => checkServerIdentity(hostname, certificate))) as NonNullable<
            ConnectionOptions["checkServerIdentity"]
          >,
    }),
  };
}

/** What a program's check says, as an error with a code: what it throws would end the process. */
function refusal(check: () => unknown): Error | undefined {
  let said: unknown;
  try {
    said = check();
    if (said === undefined) return undefined;
    if (!isError(said)) {
      throw new TypeError(
        `Expected an Error or undefined from tls.checkServerIdentity, got ${describe(said)}`,
      );
    }
  } catch (error) {
    said = error;
  }
  const error = asError(said);
  return "code" in error ? error : coded(error.message, "ERR_TLS_IDENTITY", error);
}

/**
 * Refuses options that do not go together, and those that the runtime would ignore.
 *
 * @param options The options of either end.
 * @throws {TypeError} When there are any.
 */
export function judgeTls(options: TlsServerOptions & TlsClientOptions): void {
  const { key, cert, pfx, passphrase, crl, minVersion, maxVersion } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("Expected tls.cert and tls.key together, got one of them");
  }
  if (pfx !== undefined && key !== undefined) {
    throw new TypeError("Expected tls.pfx, or tls.cert and tls.key, got both");
  }
  const none = key === undefined && pfx === undefined;
  if (none && passphrase !== undefined) {
    throw new TypeError("Expected tls.passphrase for tls.key or tls.pfx, got neither of these");
  }
  if (minVersion === "TLSv1.3" && maxVersion === "TLSv1.2") {
    throw new TypeError("Expected tls.minVersion to be at most tls.maxVersion, got TLSv1.3");
  }
  // Deno would connect as if there were none.
  if (crl !== undefined && "Deno" in globalThis) {
    throw new TypeError(
      "Expected no tls.crl on Deno, which does not read it; compare the certificate's serialNumber in tls.checkServerIdentity",
    );
  }
  if (options.checkServerIdentity !== undefined && options.rejectUnauthorized === false) {
    throw new TypeError(
      "Expected tls.checkServerIdentity or tls.rejectUnauthorized: false, got both; without the check of the certificate nothing calls it",
    );
  }
}

function commonSettings(options: TlsCommonOptions): SecureContextOptions & CommonConnectionOptions {
  const { key, cert, pfx, passphrase, ca, crl, alpnProtocols, minVersion, maxVersion } = options;
  const all = {
    key,
    cert,
    pfx,
    passphrase,
    ca: listed(ca),
    crl: listed(crl),
    ALPNProtocols: alpnProtocols && [...alpnProtocols],
    minVersion,
    maxVersion,
  };
  // A runtime may take an option that is undefined for one that is wrong.
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function listed(pem: string | readonly string[] | undefined): string | string[] | undefined {
  return pem === undefined || typeof pem === "string" ? pem : [...pem];
}

/**
 * Throws at once the error with which each connection would fail. Deno looks at a key when it first
 * needs it, if at all: a client whose key it cannot read shows no certificate.
 */
function createContext(settings: SecureContextOptions): SecureContext {
  const { key, cert, pfx, passphrase } = settings;
  if (key !== undefined) {
    const certificate = new crypto.X509Certificate(cert as string);
    if (!certificate.checkPrivateKey(readKey(key as string, passphrase))) {
      throw coded("tls.key is not that of tls.cert; take the two that belong together", UNUSABLE);
    }
  }
  try {
    return tls.createSecureContext(settings);
  } catch (error) {
    // Only the lists are read before the PKCS#12.
    const ofCrl = (error as Error).message === "Failed to parse CRL";
    if (pfx === undefined && !ofCrl) throw error;
    const what = ofCrl
      ? "tls.crl cannot be read; expected lists of revoked certificates as PEM"
      : "tls.pfx cannot be read; it is not PKCS#12, or tls.passphrase is wrong";
    throw coded(what, UNUSABLE, error);
  }
}

function readKey(key: string, passphrase: string | undefined): KeyObject {
  try {
    return crypto.createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    const what = !/ENCRYPTED/.test(key)
      ? "tls.key cannot be read; expected a private key as PEM"
      : `tls.key is encrypted; ${
        passphrase === undefined ? "set tls.passphrase" : "tls.passphrase is not the one for it"
      }`;
    throw coded(what, UNUSABLE, error);
  }
}

function coded(message: string, code: string, cause?: unknown): Error {
  return Object.assign(new Error(withRow(message, code), { cause }), { code });
}
