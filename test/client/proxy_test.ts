import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { chooseProxy, nameOf, type ProxyChoice } from "../../src/client/proxy.ts";
import { test } from "../support/test.ts";

const target = new URL("wss://me:secret@a.example/chat");
const { signal } = new AbortController();

const choose = (
  given: Parameters<typeof chooseProxy>[0],
  environment?: Record<string, string>,
): ReturnType<typeof chooseProxy> =>
  chooseProxy(given, target, {
    environment: environment && ((name) => environment[name]),
  }, signal);

test("chooseProxy() takes a URL, an object and a function", async () => {
  const url = new URL("http://me:secret@p:3128");
  const tls = { ca: "a" };
  const choices: ProxyChoice[] = [url.href, url, { url }, { url: url.href, tls }];
  for (const choice of choices) {
    for (const given of [choice, () => choice, () => Promise.resolve(choice)]) {
      const proxy = await choose(given);
      assertEquals(proxy?.url.href, url.href);
      assertEquals(proxy?.tls, (choice as { tls?: typeof tls }).tls);
    }
  }
  assertEquals(await choose(() => undefined), undefined);
});

test("chooseProxy() gives a function the target, which it may change", async () => {
  await choose((url) => {
    assertEquals(url.href, target.href);
    url.href = "ws://b";
    return undefined;
  });
  assertEquals(target.hostname, "a.example");
});

test("chooseProxy() reads the environment, alone, in an object, and from a function", async () => {
  const variables = { HTTPS_PROXY: "p:3128", NO_PROXY: "b" };
  for (const given of ["environment", { url: "environment" }, () => "environment"]) {
    assertEquals((await choose(given, variables))?.url.href, "http://p:3128/");
    assertEquals(await choose(given, { ...variables, NO_PROXY: "a.example" }), undefined);
    await assertRejects(() => choose(given), TypeError, "Expected the URL of the proxy");
  }
  const tls = { ca: "a" };
  assertStrictEquals((await choose({ url: "environment", tls }, variables))?.tls, tls);
});

for (
  const url of [
    "",
    "p",
    "p:3128",
    "ftp://me:secret@p",
    "ws://p",
    "socks4://p",
    "socks5://",
    "http://",
  ]
) {
  test(`chooseProxy() refuses the URL "${url}", and does not repeat a password`, async () => {
    const rest = "to be a URL with a host and http:, https:, socks5: or socks5h:";
    for (const given of [url, { url }, () => url]) {
      const error = await assertRejects(() => choose(given), SyntaxError);
      assertEquals(error.message, `Expected proxy ${rest}`);
    }
  });
}

test("chooseProxy() names the variable whose value it refuses", async () => {
  const error = await assertRejects(
    () => choose("environment", { https_proxy: "socks4://me:secret@p" }),
    SyntaxError,
  );
  const rest = "to be a URL with a host and http:, https:, socks5: or socks5h:";
  assertEquals(error.message, `Expected https_proxy ${rest}`);
});

test("chooseProxy() refuses what a function gives that is no proxy", async () => {
  for (const wrong of [null, 5, true, ["http://p"], { uri: "http://p" }, { url: 5 }]) {
    await assertRejects(() => choose(() => wrong as never), TypeError, "the result of proxy()");
  }
  await assertRejects(() => choose(() => ({}) as never), SyntaxError, "Expected proxy to be a URL");
});

test("chooseProxy() passes on what a function throws, and waits no longer than its signal", async () => {
  const mistake = new Error("No proxy today");
  for (
    const given of [() => Promise.reject(mistake), (): never => {
      throw mistake;
    }]
  ) {
    assertStrictEquals(await assertRejects(() => choose(given), Error), mistake);
  }
  const controller = new AbortController();
  const choosing = chooseProxy(() => new Promise(() => {}), target, {}, controller.signal);
  controller.abort(mistake);
  assertStrictEquals(await assertRejects(() => choosing, Error), mistake);
});

test("nameOf() has no credentials", () => {
  const table: [string, string][] = [
    ["http://me:secret@p", "proxy http://p"],
    ["socks5://me:secret@p", "proxy socks5://p"],
    ["socks5h://p:1", "proxy socks5h://p:1"],
    ["http://[::1]:3128/", "proxy http://[::1]:3128"],
  ];
  for (const [url, name] of table) assertEquals(nameOf(new URL(url)), name);
});
