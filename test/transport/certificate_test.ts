import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createDevelopmentCertificate } from "@sansocket/ws";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { test } from "../support/test.ts";

const day = 86_400_000;

async function read(hostnames?: readonly string[]): Promise<X509Certificate> {
  const { cert } = await createDevelopmentCertificate(hostnames && { hostnames });
  return new X509Certificate(cert);
}

test("createDevelopmentCertificate makes a key and a certificate that belong together", async () => {
  const { key, cert } = await createDevelopmentCertificate();
  const certificate = new X509Certificate(cert);
  assert(certificate.checkPrivateKey(createPrivateKey(key)));
  assert(certificate.verify(certificate.publicKey));
  assertEquals(certificate.issuer, certificate.subject);
  assertEquals(certificate.ca, false);
  assertMatch(
    cert,
    /^-----BEGIN CERTIFICATE-----\n(?:[\w+/=]{1,64}\n)+-----END CERTIFICATE-----\n$/,
  );
});

test("createDevelopmentCertificate is for loopback unless told", async () => {
  const certificate = await read();
  assertEquals(certificate.checkHost("localhost"), "localhost");
  assertEquals(certificate.checkIP("127.0.0.1"), "127.0.0.1");
  assertEquals(certificate.checkIP("::1"), "::1");
  assertEquals(certificate.checkHost("example.org"), undefined);
});

test("createDevelopmentCertificate takes names, wildcards and addresses", async () => {
  const names = ["Example.org", "*.example.org", "192.0.2.255", "[2001:db8::1:0]"];
  const certificate = await read(names);
  assertEquals(certificate.checkHost("example.org"), "example.org");
  assertStringIncludes(certificate.subjectAltName ?? "", "DNS:*.example.org");
  assertEquals(certificate.checkIP("192.0.2.255"), "192.0.2.255");
  assertEquals(certificate.checkIP("2001:db8::1:0"), "2001:db8::1:0");
  assertEquals(certificate.checkHost("localhost"), undefined);
});

test("createDevelopmentCertificate takes so many names that lengths need two octets", async () => {
  const names = Array.from({ length: 100 }, (_, i) => `host-${i}.example.org`);
  const certificate = await read(names);
  assertEquals(certificate.checkHost("host-99.example.org"), "host-99.example.org");
  assert(certificate.verify(certificate.publicKey));
});

test("createDevelopmentCertificate is valid for 30 days from now, whatever the clock of the peer", async () => {
  const certificate = await read();
  const from = Date.parse(certificate.validFrom);
  const to = Date.parse(certificate.validTo);
  assertEquals(to - from, 31 * day);
  assert(from < Date.now() - day / 2 && to > Date.now() + 29 * day);
});

test("createDevelopmentCertificate makes another one each time", async () => {
  const [a, b] = await Promise.all([read(), read()]);
  assert(a.serialNumber !== b.serialNumber);
  assert(a.subject !== b.subject);
  assertEquals(a.verify(b.publicKey), false);
});

for (
  const name of ["", "a b", "256.1.1.1", "1.2.3", "::g", "a..b", "*", "a,DNS:b", "exämple.org"]
) {
  test(`createDevelopmentCertificate refuses ${JSON.stringify(name)}`, async () => {
    await assertRejects(
      () => createDevelopmentCertificate({ hostnames: ["localhost", name] }),
      TypeError,
      `Expected a host name or an IP address, got ${JSON.stringify(name)}`,
    );
  });
}

test("createDevelopmentCertificate refuses no name at all", async () => {
  await assertRejects(() => createDevelopmentCertificate({ hostnames: [] }), TypeError, "got none");
});
