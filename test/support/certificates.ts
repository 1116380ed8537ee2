// An authority for tests, by `openssl`: certificates that have expired or been revoked, keys with a
// passphrase, PKCS#12. What has no need of one takes createDevelopmentCertificate().

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TlsCertificate } from "@sansocket/ws";
import { findExecutable } from "./process.ts";

/** Why there is none. */
export const withoutOpenssl: string | undefined = findExecutable(["openssl"]) === undefined
  ? "needs openssl"
  : undefined;

/** What an authority has made. */
export interface Certificates {
  /** Its own certificate. */
  readonly ca: string;
  /** For `localhost` and 127.0.0.1; so are the next two. */
  readonly valid: TlsCertificate;
  readonly expired: TlsCertificate;
  readonly revoked: TlsCertificate;
  /** For `other.test` alone. */
  readonly other: TlsCertificate;
  /** The list of what is revoked. */
  readonly crl: string;
  /** A list that has expired. */
  readonly oldCrl: string;
  /** The key of `valid`, encrypted with "secret", in both forms: PKCS#8 and that of OpenSSL. */
  readonly encryptedKeys: readonly string[];
  /** `valid` as PKCS#12, with the password "secret", and without any. */
  readonly pfx: Uint8Array;
  readonly openPfx: Uint8Array;
}

const CONFIG = `
[ca]
default_ca = authority
[authority]
database = index
serial = serial
crlnumber = crlnumber
new_certs_dir = .
default_md = sha256
policy = policy
unique_subject = no
[policy]
commonName = supplied
`;

const USE = "keyUsage = digitalSignature\nextendedKeyUsage = serverAuth, clientAuth\n";

/** Has an authority make all of them; it leaves nothing behind. */
export function makeCertificates(): Certificates {
  const cwd = mkdtempSync(join(tmpdir(), "certificates-"));
  const openssl = (...args: readonly string[]): void => {
    execFileSync("openssl", args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
  };
  const text = (name: string): string => readFileSync(join(cwd, name), "utf8");
  const octets = (name: string): Uint8Array => new Uint8Array(readFileSync(join(cwd, name)));
  const newKey = (name: string, ...more: readonly string[]): void => {
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl("req", ...curve, "-keyout", `${name}.key`, ...more);
  };
  const authority = ["-config", "config", "-keyfile", "ca.key", "-cert", "ca.pem"];
  const issue = (name: string, names: string, ...dates: readonly string[]): TlsCertificate => {
    newKey(name, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    writeFileSync(join(cwd, "extensions"), `${USE}subjectAltName = ${names}\n`);
    const files = ["-in", `${name}.csr`, "-out", `${name}.pem`, "-extfile", "extensions"];
    openssl("ca", ...authority, "-batch", "-notext", ...files, ...dates);
    return { key: text(`${name}.key`), cert: text(`${name}.pem`) };
  };
  const list = (name: string, ...dates: readonly string[]): string => {
    openssl("ca", ...authority, "-gencrl", "-out", name, ...dates);
    return text(name);
  };
  const export12 = (name: string, password: string): Uint8Array => {
    const files = ["-inkey", "valid.key", "-in", "valid.pem", "-out", name];
    openssl("pkcs12", "-export", ...files, "-passout", `pass:${password}`);
    return octets(name);
  };
  try {
    for (
      const [name, content] of [["config", CONFIG], ["index", ""], ["serial", "01\n"]] as const
    ) {
      writeFileSync(join(cwd, name), content);
    }
    writeFileSync(join(cwd, "crlnumber"), "01\n");
    const use = ["-addext", "keyUsage = critical, keyCertSign, cRLSign"];
    // The runtimes find an authority by its name.
    const name = `/CN=${basename(cwd)}`;
    newKey("ca", "-x509", "-out", "ca.pem", "-days", "30", "-subj", name, ...use);
    const past = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"];
    const local = "DNS:localhost, IP:127.0.0.1";
    const valid = issue("valid", local, "-days", "20");
    const expired = issue("expired", local, ...past);
    const revoked = issue("revoked", local, "-days", "20");
    const other = issue("other", "DNS:other.test", "-days", "20");
    openssl("ca", ...authority, "-revoke", "revoked.pem");
    const secret = ["-passout", "pass:secret"];
    openssl("pkcs8", "-topk8", "-in", "valid.key", "-out", "valid.pkcs8", ...secret);
    openssl("ec", "-aes256", "-in", "valid.key", "-out", "valid.ec", ...secret);
    return {
      ca: text("ca.pem"),
      valid,
      expired,
      revoked,
      other,
      crl: list("crl", "-crldays", "30"),
      oldCrl: list(
        "oldCrl",
        "-crl_lastupdate",
        "20200101000000Z",
        "-crl_nextupdate",
        "20200201000000Z",
      ),
      encryptedKeys: [text("valid.pkcs8"), text("valid.ec")],
      pfx: export12("valid.p12", "secret"),
      openPfx: export12("open.p12", ""),
    };
  } finally {
    rmSync(cwd, { recursive: true });
  }
}
