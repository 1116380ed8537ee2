// The options of TLS from end to end, on the runtime that the tests run on.

import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { connect, serve } from "@sansocket/ws";
import type {
  Refusal,
  ServerOptions,
  TlsClientOptions,
  TlsInfo,
  TlsPeerCertificate,
  TlsServerOptions,
} from "@sansocket/ws";
import { createHash, X509Certificate } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import { checkServerIdentity, createServer, type TlsOptions } from "node:tls";
import { makeCertificates, withoutOpenssl } from "../../support/certificates.ts";
import { settled, withResolvers } from "../../support/connections.ts";
import { runtime, test } from "../../support/test.ts";

const made = withoutOpenssl === undefined ? makeCertificates() : undefined;
const certificates = made!;
const skip = withoutOpenssl;
const withCrl = skip ?? (runtime === "deno" ? "Deno reads no crl" : undefined);
const { ca = "", valid = { key: "", cert: "" } } = made ?? {};
const secret = "secret";

/** A server that tells each client what it knows of its TLS. */
function serveInfo(options: TlsServerOptions, more: ServerOptions = {}) {
  return serve({
    ...more,
    port: 0,
    tls: options,
    fetch: (_request, { upgrade, tls }) => upgrade((ws) => ws.send(describe(tls))),
  });
}

function describe(info: TlsInfo | undefined): string {
  const { peerCertificate, version, alpnProtocol } = info ?? {};
  const fingerprint = peerCertificate && new X509Certificate(peerCertificate).fingerprint256;
  return [version, alpnProtocol, fingerprint].join();
}

/** What the server and the client know: version, protocol, the fingerprint of the other. */
async function ask(url: string, tls: TlsClientOptions): Promise<readonly unknown[]> {
  const ws = await connect(url, { tls });
  const said = await ws.receive();
  const known = describe(ws.tls);
  await ws.close();
  return [said, known];
}

function fingerprint({ cert }: { readonly cert: string }): string {
  return new X509Certificate(cert).fingerprint256;
}

/**
 * The code and the message with which `connect()` rejects, once no socket is left of it. The server
 * is that of `node:tls` alone: one of ours on Deno ends a handshake without an alert.
 */
async function refused(
  options: TlsOptions,
  tls: TlsClientOptions,
): Promise<readonly [code: unknown, message: string]> {
  const open = new Set<Socket>();
  const server = createServer(options, (socket) => socket.on("error", () => {}).resume());
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const error = await assertRejects(() => connect(`wss://127.0.0.1:${port}/`, { tls }), Error);
  while (open.size > 0) await settled();
  server.close();
  const { code } = error as { code?: unknown };
  return [code, error.message.replace(`Could not connect to 127.0.0.1:${port}: `, "")];
}

const known = `TLSv1.3,,${made && fingerprint(valid)}`;

test("tls of a client refuses a certificate that has expired", async () => {
  assertEquals(
    await refused(certificates.expired, { ca }),
    runtime === "deno"
      ? [
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "the server's certificate is not trusted; name its authority in tls.ca, or renew it if it has expired (UNABLE_TO_VERIFY_LEAF_SIGNATURE, errors.md#unable_to_verify_leaf_signature)",
      ]
      : [
        "CERT_HAS_EXPIRED",
        "the server's certificate has expired (CERT_HAS_EXPIRED, errors.md#cert_has_expired)",
      ],
  );
}, { skip });

test("tls of a client refuses a certificate for another name", async () => {
  assertEquals(await refused(certificates.other, { ca }), [
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "the server's certificate is for another name; connect by its name, or set tls.servername (ERR_TLS_CERT_ALTNAME_INVALID, errors.md#err_tls_cert_altname_invalid)",
  ]);
}, { skip });

test("tls.passphrase opens a key of either form, on both ends", async () => {
  for (const key of certificates.encryptedKeys) {
    const own = { cert: valid.cert, key, passphrase: secret };
    await using server = await serveInfo({ ...own, ca, clientCertificates: "require" });
    assertEquals(await ask(server.url, { ...own, ca }), [known, known]);
  }
}, { skip });

test("tls.pfx has a certificate and its key, on both ends", async () => {
  const { pfx, openPfx } = certificates;
  for (const own of [{ pfx, passphrase: secret }, { pfx: openPfx }]) {
    await using server = await serveInfo({ ...own, ca, clientCertificates: "require" });
    assertEquals(await ask(server.url, { ...own, ca }), [known, known]);
  }
}, { skip });

for (
  const [what, own, message] of [
    ["a wrong passphrase", () => ({
      cert: valid.cert,
      key: certificates.encryptedKeys[0]!,
      passphrase: "wrong",
    }), "tls.key is encrypted; tls.passphrase is not the one for it"],
    ["a wrong passphrase in the form of OpenSSL", () => ({
      cert: valid.cert,
      key: certificates.encryptedKeys[1]!,
      passphrase: "wrong",
    }), "tls.key is encrypted; tls.passphrase is not the one for it"],
    ["no passphrase", () => ({
      cert: valid.cert,
      key: certificates.encryptedKeys[0]!,
    }), "tls.key is encrypted; set tls.passphrase"],
    ["a key that is none", () => ({
      cert: valid.cert,
      key: "none",
    }), "tls.key cannot be read; expected a private key as PEM"],
    ["the key of another certificate", () => ({
      cert: valid.cert,
      key: certificates.other.key,
    }), "tls.key is not that of tls.cert; take the two that belong together"],
    [
      "a wrong passphrase of PKCS#12",
      () => ({ pfx: certificates.pfx, passphrase: "wrong" }),
      "tls.pfx cannot be read; it is not PKCS#12, or tls.passphrase is wrong",
    ],
    [
      "PKCS#12 that is none",
      () => ({ pfx: Uint8Array.of(1, 2, 3) }),
      "tls.pfx cannot be read; it is not PKCS#12, or tls.passphrase is wrong",
    ],
    [
      "PKCS#12 that is cut",
      () => ({ pfx: certificates.pfx.subarray(0, 300), passphrase: secret }),
      "tls.pfx cannot be read; it is not PKCS#12, or tls.passphrase is wrong",
    ],
  ] as [string, () => { cert: string; key: string }, string][]
) {
  test(`tls of both ends refuses ${what} before a connection is made`, async () => {
    const wrong = await assertRejects(
      () => connect("wss://127.0.0.1:1/", { tls: { ...own(), ca } }),
      Error,
    );
    assertEquals(
      wrong.message,
      `Could not connect to 127.0.0.1:1: ${message} (ERR_TLS_CREDENTIALS, errors.md#err_tls_credentials)`,
    );
    assertEquals((wrong as { code?: unknown }).code, "ERR_TLS_CREDENTIALS");
    const refused = await assertRejects(() => serveInfo(own()), Error);
    assertEquals(
      refused.message,
      `Could not listen on 127.0.0.1:0: ${message} (ERR_TLS_CREDENTIALS, errors.md#err_tls_credentials)`,
    );
    assertEquals((refused as { code?: unknown }).code, "ERR_TLS_CREDENTIALS");
  }, { skip });
}

for (
  const [what, wrong, message] of [
    ["pfx and a key", {
      pfx: Uint8Array.of(1),
      cert: "a",
      key: "a",
    }, "Expected tls.pfx, or tls.cert and tls.key, got both"],
    [
      "half a certificate",
      { pfx: Uint8Array.of(1), cert: "a" },
      "Expected tls.cert and tls.key together, got one of them",
    ],
    ["a least version above the newest", {
      pfx: Uint8Array.of(1),
      minVersion: "TLSv1.3",
      maxVersion: "TLSv1.2",
    }, "Expected tls.minVersion to be at most tls.maxVersion, got TLSv1.3"],
  ] as [string, TlsServerOptions, string][]
) {
  test(`tls of both ends refuses ${what}`, async () => {
    await assertRejects(() => connect("wss://127.0.0.1:1/", { tls: wrong }), TypeError, message);
    await assertRejects(() => serveInfo(wrong), TypeError, message);
  });
}

test("tls of a server refuses to be without a certificate", async () => {
  await assertRejects(
    () => serveInfo({ ca }),
    TypeError,
    "Expected tls.cert and tls.key, a certificate and its key as PEM, or tls.pfx, got neither",
  );
});

test("tls of a client refuses a passphrase of nothing", async () => {
  await assertRejects(
    () => connect("wss://127.0.0.1:1/", { tls: { passphrase: secret } }),
    TypeError,
    "Expected tls.passphrase for tls.key or tls.pfx, got neither of these",
  );
});

test("tls.minVersion and tls.maxVersion bound the version, on both ends", async () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const bounds = { minVersion: version, maxVersion: version };
    await using narrow = await serveInfo({ ...valid, ...bounds });
    assertMatch(String(await ask(narrow.url, { ca })), new RegExp(`^${version},,,${version},,`));
    await using wide = await serveInfo(valid);
    assertMatch(
      String(await ask(wide.url, { ca, ...bounds })),
      new RegExp(`^${version},,,${version},,`),
    );
  }
}, { skip });

for (
  const [server, client] of [
    [{ minVersion: "TLSv1.3" }, { maxVersion: "TLSv1.2" }],
    [{ maxVersion: "TLSv1.2" }, { minVersion: "TLSv1.3" }],
  ] as const
) {
  const [[bound, version]] = Object.entries(server) as [[string, string]];
  test(`tls.${bound} ${version} of a server refuses a client of another version`, async () => {
    assertEquals(await refused({ ...valid, ...server }, { ca, ...client }), [
      "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
      "the server speaks none of these versions of TLS; check tls.minVersion and tls.maxVersion (ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION, errors.md#err_ssl_tlsv1_alert_protocol_version)",
    ]);
  }, { skip });
}

test("tls.alpnProtocols agree on the first of the server's that the client has", async () => {
  await using server = await serveInfo({ ...valid, alpnProtocols: ["a.test", "http/1.1"] });
  const answers = [];
  for (const alpnProtocols of [["http/1.1", "a.test"], ["b.test", "http/1.1"], undefined]) {
    const ws = await connect(server.url, { tls: { ca, ...(alpnProtocols && { alpnProtocols }) } });
    answers.push([await ws.receive(), ws.tls?.alpnProtocol]);
    await ws.close();
  }
  assertEquals(answers, [
    ["TLSv1.3,a.test,", "a.test"],
    ["TLSv1.3,http/1.1,", "http/1.1"],
    ["TLSv1.3,,", undefined],
  ]);
}, { skip });

test("tls.alpnProtocols without a common one end the handshake", async () => {
  const tls = { ca, alpnProtocols: ["a.test"] };
  assertEquals(await refused({ ...valid, ALPNProtocols: ["http/1.1"] }, tls), [
    "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
    "the server speaks none of tls.alpnProtocols; name one that it speaks (ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, errors.md#err_ssl_tlsv1_alert_no_application_protocol)",
  ]);
}, { skip });

test("tls.alpnProtocols are ignored by a server that has none", async () => {
  await using server = await serveInfo(valid);
  const [said] = await ask(server.url, { ca, alpnProtocols: ["http/1.1"] });
  assertEquals(said, "TLSv1.3,,");
}, { skip });

test("tls.checkServerIdentity gets the host and the certificate, and may refuse", async () => {
  await using server = await serveInfo(certificates.other);
  const asked: unknown[] = [];
  const look = (hostname: string, certificate: TlsPeerCertificate) => {
    const { raw, fingerprint256, serialNumber, subjectaltname, subject, issuer } = certificate;
    const read = new X509Certificate(raw);
    assertEquals([read.fingerprint256, read.serialNumber], [fingerprint256, serialNumber]);
    asked.push([hostname, fingerprint256, subjectaltname, subject["CN"], issuer["CN"]]);
    return undefined;
  };
  // It takes the place of the look at the name.
  await ask(server.url, { ca, checkServerIdentity: look });
  await ask(server.url, { ca, servername: "a.test", checkServerIdentity: look });
  const { other } = certificates;
  const authority = new X509Certificate(ca).subject.replace("CN=", "");
  const rest = [fingerprint(other), "DNS:other.test", "other", authority];
  assertEquals(asked, [["127.0.0.1", ...rest], ["a.test", ...rest]]);
}, { skip });

for (
  const [what, check, expected] of [
    ["an error", () => new Error("The key is another one"), [
      "ERR_TLS_IDENTITY",
      "The key is another one (ERR_TLS_IDENTITY, errors.md#err_tls_identity)",
    ]],
    ["an error with a code", () => Object.assign(new Error("No"), { code: "ENOPIN" }), [
      "ENOPIN",
      "No (ENOPIN)",
    ]],
    ["an exception", () => {
      throw new Error("No such pin");
    }, ["ERR_TLS_IDENTITY", "No such pin (ERR_TLS_IDENTITY, errors.md#err_tls_identity)"]],
    ["an exception that is no error", () => {
      throw "pin";
    }, ["ERR_TLS_IDENTITY", "pin (ERR_TLS_IDENTITY, errors.md#err_tls_identity)"]],
    ["a promise", async () => {}, [
      "ERR_TLS_IDENTITY",
      "Expected an Error or undefined from tls.checkServerIdentity, got an object (ERR_TLS_IDENTITY, errors.md#err_tls_identity)",
    ]],
    [
      "the check of node:tls, for another name",
      (_: string, certificate: never) => checkServerIdentity("other.test", certificate),
      [
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "the server's certificate is for another name; connect by its name, or set tls.servername (ERR_TLS_CERT_ALTNAME_INVALID, errors.md#err_tls_cert_altname_invalid)",
      ],
    ],
  ] as [string, NonNullable<TlsClientOptions["checkServerIdentity"]>, [string, string]][]
) {
  test(`tls.checkServerIdentity that gives ${what} ends the attempt`, async () => {
    assertEquals(await refused(valid, { ca, checkServerIdentity: check }), expected);
  }, { skip });
}

test("tls.checkServerIdentity is not asked about a certificate that is not trusted", async () => {
  let asked = 0;
  const checkServerIdentity = () => {
    asked++;
    return undefined;
  };
  await refused(certificates.expired, { ca, checkServerIdentity });
  await refused(valid, { checkServerIdentity });
  assertEquals(asked, 0);
}, { skip });

test("tls.checkServerIdentity pins a key", async () => {
  const pinOf = (certificate: X509Certificate) =>
    createHash("sha256")
      .update(certificate.publicKey.export({ type: "spki", format: "der" }))
      .digest("base64");
  const pin = pinOf(new X509Certificate(valid.cert));
  const pinned: TlsClientOptions = {
    ca,
    checkServerIdentity: (_hostname, { raw }) =>
      pinOf(new X509Certificate(raw)) === pin ? undefined : new Error("The key is another one"),
  };
  await using server = await serveInfo(valid);
  assertEquals((await ask(server.url, pinned))[1], known);
  const [code] = await refused(certificates.other, pinned);
  assertEquals(code, "ERR_TLS_IDENTITY");
}, { skip });

test("tls.checkServerIdentity refuses to be without the check of the certificate", async () => {
  const tls = { rejectUnauthorized: false, checkServerIdentity: () => undefined };
  await assertRejects(
    () => connect("wss://127.0.0.1:1/", { tls }),
    TypeError,
    "Expected tls.checkServerIdentity or tls.rejectUnauthorized: false, got both",
  );
});

test("tls.crl refuses a certificate of the server that is revoked, and no other", async () => {
  const { revoked, crl } = certificates;
  assertEquals(await refused(revoked, { ca, crl }), [
    "CERT_REVOKED",
    "the server's certificate has been revoked (CERT_REVOKED, errors.md#cert_revoked)",
  ]);
  await using server = await serveInfo(valid);
  assertEquals((await ask(server.url, { ca, crl: [crl] }))[1], known);
}, { skip: withCrl });

test("tls.crl that has expired, or is another authority's, refuses all", async () => {
  const { oldCrl, crl, expired } = certificates;
  assertEquals(await refused(valid, { ca, crl: oldCrl }), [
    "CRL_HAS_EXPIRED",
    "tls.crl has expired; fetch the newest (CRL_HAS_EXPIRED, errors.md#crl_has_expired)",
  ]);
  const { ca: other, valid: others } = makeCertificates();
  assertEquals(await refused(others, { ca: other, crl }), [
    "UNABLE_TO_GET_CRL",
    "tls.crl has no list of an authority of the server's certificate; add it (UNABLE_TO_GET_CRL, errors.md#unable_to_get_crl)",
  ]);
  assertEquals((await refused(expired, { ca, crl }))[0], "CERT_HAS_EXPIRED");
}, { skip: withCrl });

test("tls.crl of a server refuses a certificate of a client that is revoked", async () => {
  const { revoked, crl } = certificates;
  for (const clientCertificates of ["request", "require"] as const) {
    const refusal = withResolvers<Refusal>();
    await using server = await serveInfo(
      { ...valid, ca, crl, clientCertificates },
      { refused: refusal.resolve },
    );
    await assertRejects(() => connect(server.url, { tls: { ca, ...revoked } }), Error);
    const { cause, reason } = await refusal.promise;
    assertEquals(cause, "tls");
    assertMatch(reason, /^The TLS handshake failed: .*(?:revoked|REVOKED)/);
    assertMatch((await ask(server.url, { ca, ...valid }))[0] as string, /^TLSv1\.3,,./);
  }
}, { skip: withCrl });

test("tls.crl that cannot be read is refused before a connection is made", async () => {
  const crl = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
  const message = "tls.crl cannot be read; expected lists of revoked certificates as PEM";
  await assertRejects(() => connect("wss://127.0.0.1:1/", { tls: { crl } }), Error, message);
  await assertRejects(() => serveInfo({ ...valid, crl }), Error, message);
}, { skip: withCrl });

test("tls.crl is refused where it would not be read", async () => {
  const { crl } = certificates;
  const message = "Expected no tls.crl on Deno, which does not read it; compare";
  await assertRejects(() => connect("wss://127.0.0.1:1/", { tls: { crl } }), TypeError, message);
  await assertRejects(() => serveInfo({ ...valid, crl }), TypeError, message);
}, { skip: skip ?? (runtime === "deno" ? undefined : "only Deno does not read it") });

test("tls of a client without the certificate that a server requires has a code", async () => {
  assertEquals(await refused({ ...valid, ca, requestCert: true }, { ca }), [
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "The server requires tls.cert and tls.key, or tls.pfx (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED, errors.md#err_ssl_tlsv13_alert_certificate_required) before the server's handshake was complete",
  ]);
}, { skip });

test("tls.sni may give a certificate whose key has a passphrase", async () => {
  const [key = ""] = certificates.encryptedKeys;
  await using server = await serveInfo({
    ...certificates.other,
    sni: () => ({ cert: valid.cert, key, passphrase: secret }),
    minVersion: "TLSv1.3",
  });
  assertEquals(
    (await ask(server.url, { ca, servername: "localhost" }))[1],
    known,
  );
}, { skip });

test("tls of a server goes on after handshakes that have failed", async () => {
  await using server = await serveInfo({ ...valid, alpnProtocols: ["a.test"] });
  for (let i = 0; i < 10; i++) {
    const tls = { ca, alpnProtocols: ["b.test"] };
    const error = await assertRejects(() => connect(server.url, { tls }), Error);
    assertEquals(
      (error as { code?: unknown }).code,
      runtime === "deno" ? "ECONNRESET" : "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
    );
  }
  assertEquals((await ask(server.url, { ca }))[1], known);
  while (server.stats().sockets > 0) await settled();
  assertStrictEquals(server.stats().sockets, 0);
}, { skip });
