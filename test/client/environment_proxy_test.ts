import { assertEquals } from "@std/assert";
import { environmentProxy } from "../../src/client/environment_proxy.ts";
import { test } from "../support/test.ts";

/** The URL of the proxy, and the variable that it is from. */
function find(url: string, variables: Record<string, string>): string | undefined {
  const found = environmentProxy(new URL(url), (name) => variables[name]);
  return found && `${found.name} ${found.value}`;
}

const choices: [what: string, Record<string, string>, ws: string | undefined, wss?: string][] = [
  ["none", {}, undefined],
  ["ws: by http_proxy", { http_proxy: "http://a" }, "http_proxy http://a"],
  ["wss: by https_proxy", { https_proxy: "http://a" }, undefined, "https_proxy http://a"],
  [
    "lower case first",
    {
      HTTP_PROXY: "http://A",
      http_proxy: "http://a",
      HTTPS_PROXY: "http://B",
      https_proxy: "http://b",
    },
    "http_proxy http://a",
    "https_proxy http://b",
  ],
  [
    "upper case",
    { HTTP_PROXY: "http://A", HTTPS_PROXY: "socks5://B" },
    "HTTP_PROXY http://A",
    "HTTPS_PROXY socks5://B",
  ],
  [
    "no HTTP_PROXY in a CGI program",
    { HTTP_PROXY: "http://evil", HTTPS_PROXY: "http://b", REQUEST_METHOD: "GET" },
    undefined,
    "HTTPS_PROXY http://b",
  ],
  [
    "http_proxy in a CGI program",
    { http_proxy: "http://a", REQUEST_METHOD: "GET" },
    "http_proxy http://a",
  ],
  [
    "all_proxy",
    { ALL_PROXY: "http://A", all_proxy: "http://a" },
    "all_proxy http://a",
    "all_proxy http://a",
  ],
  ["ALL_PROXY", { ALL_PROXY: "http://A" }, "ALL_PROXY http://A", "ALL_PROXY http://A"],
  [
    "ALL_PROXY last",
    { ALL_PROXY: "http://A", HTTP_PROXY: "http://B" },
    "HTTP_PROXY http://B",
    "ALL_PROXY http://A",
  ],
  [
    "an empty value is none",
    { http_proxy: "", HTTP_PROXY: " ", all_proxy: "http://a" },
    "all_proxy http://a",
    "all_proxy http://a",
  ],
  ["no scheme is http:", { http_proxy: "a:3128" }, "http_proxy http://a:3128"],
];

for (const [what, variables, ws, wss] of choices) {
  test(`environmentProxy() chooses: ${what}`, () => {
    assertEquals([find("ws://h/", variables), find("wss://h/", variables)], [ws, wss]);
  });
}

const exceptions: [list: string, url: string, direct: boolean][] = [
  ["*", "ws://a.example", true],
  ["b, *", "ws://a.example", true],
  ["", "ws://a.example", false],
  [",, ,", "ws://a.example", false],
  ["a.example", "ws://a.example", true],
  ["A.EXAMPLE", "ws://a.example", true],
  ["a.example", "ws://b.a.example", true],
  [".a.example", "ws://b.a.example", true],
  [".a.example", "ws://a.example", true],
  ["*.a.example", "ws://b.a.example", true],
  ["a.example.", "ws://a.example", true],
  ["a.example", "ws://a.example.", true],
  ["a.example", "ws://ba.example", false],
  ["a.example", "ws://example", false],
  ["b.a.example", "ws://a.example", false],
  ["x,a.example", "ws://a.example", true],
  ["x a.example", "ws://a.example", true],
  ["a.example:80", "ws://a.example", true],
  ["a.example:80", "wss://a.example", false],
  ["a.example:443", "wss://a.example", true],
  ["a.example:8080", "ws://a.example:8080", true],
  ["a.example:8080", "ws://a.example:8081", false],
  [".a.example:8080", "ws://b.a.example:8080", true],
  ["a.example:x", "ws://a.example", false],
  ["localhost", "ws://localhost:1", true],
  ["localhost", "ws://127.0.0.1", false],
  ["127.0.0.1", "ws://127.0.0.1", true],
  ["127.0.0.1", "ws://127.0.0.2", false],
  ["0.0.1", "ws://127.0.0.1", false],
  [".0.0.1", "ws://127.0.0.1", false],
  ["127.0.0.1:81", "ws://127.0.0.1:81", true],
  ["127.0.0.1:81", "ws://127.0.0.1", false],
  ["10.0.0.0/8", "ws://10.1.2.3", true],
  ["10.0.0.0/8", "ws://11.1.2.3", false],
  ["10.0.0.0/8:81", "ws://10.1.2.3:81", true],
  ["10.0.0.0/33", "ws://10.0.0.0", false],
  ["10.0.0.0/8", "ws://a.10.0.0.0.example", false],
  ["::1", "ws://[::1]", true],
  ["[::1]", "ws://[::1]", true],
  ["[::1]:80", "ws://[::1]", true],
  ["[::1]:81", "ws://[::1]", false],
  ["0:0:0:0:0:0:0:1", "ws://[::1]", true],
  ["::2", "ws://[::1]", false],
  ["2001:db8::/32", "ws://[2001:db8:1::1]", true],
  ["[2001:db8::]/32", "ws://[2001:db8:1::1]", true],
  ["[2001:db8::]/32:81", "ws://[2001:db8:1::1]:81", true],
  ["2001:db8::/32", "ws://[2001:db9::1]", false],
  ["[::1", "ws://[::1]", false],
];

for (const [list, url, direct] of exceptions) {
  test(`environmentProxy() with NO_PROXY ${JSON.stringify(list)} ${direct ? "goes directly" : "uses the proxy"} to ${url}`, () => {
    const proxies = { all_proxy: "http://p" };
    const expected = direct ? undefined : "all_proxy http://p";
    assertEquals(find(url, { ...proxies, NO_PROXY: list }), expected);
    assertEquals(find(url, { ...proxies, no_proxy: list, NO_PROXY: "" }), expected);
  });
}

test("environmentProxy() takes no_proxy before NO_PROXY", () => {
  const variables = { all_proxy: "http://p", no_proxy: "b", NO_PROXY: "a" };
  assertEquals(find("ws://a", variables), "all_proxy http://p");
  assertEquals(find("ws://b", variables), undefined);
});
