import { assertEquals } from "@std/assert";
import { type Credentials, readCookies, readCredentials } from "@sansocket/ws";
import { test } from "../support/test.ts";

const request = (headers: Record<string, string>): Request => new Request("http://a/", { headers });
const basic = (username: string, password: string): Credentials => ({
  scheme: "basic",
  username,
  password,
});

const authorizations: [string, Credentials | undefined][] = [
  // RFC 7617 sections 2 and 2.1
  ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", basic("Aladdin", "open sesame")],
  ["Basic dGVzdDoxMjPCow==", basic("test", "123£")],
  ["bASIC   QTpiOmM=", basic("A", "b:c")],
  ["Basic Og==", basic("", "")],
  ["Basic QQ==", undefined],
  ["Basic /zov", undefined],
  ["Basic QQ=", undefined],
  ["Basic", undefined],
  ["Basic QTpi QTpi", undefined],
  // RFC 6750 section 2.1
  ["Bearer mF_9.B5f-4.1JqM", { scheme: "bearer", token: "mF_9.B5f-4.1JqM" }],
  ["bearer a==", { scheme: "bearer", token: "a==" }],
  ["Bearer a b", undefined],
  ["Bearer ä", undefined],
  ["Digest username=x", undefined],
  ["BasicQTpi", undefined],
];
for (const [value, expected] of authorizations) {
  test(`readCredentials() of ${JSON.stringify(value)}`, () => {
    assertEquals(readCredentials(request({ authorization: value })), expected);
  });
}

test("readCredentials() of a request that says nothing", () => {
  assertEquals(readCredentials(request({})), undefined);
});

const cookies: [string, [string, string][]][] = [
  ["SID=31d4d96e407aad42; lang=en-US", [["SID", "31d4d96e407aad42"], ["lang", "en-US"]]],
  ['a="b c"; d=', [["a", "b c"], ["d", ""]]],
  ["a=1;a=2", [["a", "1"]]],
  ["a=b=c", [["a", "b=c"]]],
  ["__proto__=1; constructor=2", [["__proto__", "1"], ["constructor", "2"]]],
  ["nothing; =x;;a=%20", [["a", "%20"]]],
  ["", []],
];
for (const [value, expected] of cookies) {
  test(`readCookies() of ${JSON.stringify(value)}`, () => {
    assertEquals([...readCookies(request({ cookie: value }))], expected);
  });
}

test("readCookies() of a request without", () => {
  assertEquals(readCookies(request({})).size, 0);
});
