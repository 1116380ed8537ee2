// What the chat page promises to those who use it, in Chromium and in Firefox.
//
// 1. Both are driven by scripts that are evaluated in the page, by test/interop/programs/browser.ts.
//    chat_test.ts has what needs real keys, screens and themes.
// 2. The page is Ada's. The others are connections of this test.
// 3. `until` in the page waits for something that the page shows.

import { assert, assertEquals } from "@std/assert";
import { connect, type WebSocketConnection } from "@sansocket/ws";
import { chromium, firefox, type Page, startBrowser } from "../interop/programs/browser.ts";
import { type Child, start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

/** What the steps use, in the page. */
const helpers = `
window.failures = [];
addEventListener("error", (event) => failures.push(event.message));
addEventListener("unhandledrejection", (event) => failures.push(String(event.reason)));
for (const level of ["error", "warn", "log"]) console[level] = (...what) => failures.push(what.join());
window.get = (id) => document.getElementById(id);
window.until = async (check) => {
  for (let i = 0; i < 1_000; i++) {
    const found = check();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("Waited in vain for " + check + " in\\n" + document.body.innerText);
};
window.twoFrames = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
window.write = (text) => {
  get("text").value = text;
  get("text").dispatchEvent(new Event("input", { bubbles: true }));
};
window.press = (init) => {
  const event = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init });
  get("text").dispatchEvent(event);
  return event.defaultPrevented;
};
window.say = (text) => (write(text), press());
window.rename = (name) => {
  get("name").value = name;
  get("name").dispatchEvent(new Event("change", { bubbles: true }));
};
window.message = (text) =>
  [...document.querySelectorAll(".message")].find((line) => line.querySelector(".text").textContent.includes(text));
window.notice = (text) =>
  [...document.querySelectorAll(".notice")].find((line) => line.textContent === text);
window.atEnd = () => get("log").scrollHeight - get("log").scrollTop - get("log").clientHeight < 2;
""`;

/** Evaluates a step in the page; what it returns must be JSON. */
type Step = (script: string) => Promise<unknown>;

interface Visit {
  readonly step: Step;
  readonly url: string;
  /** Enters the room as another person. */
  enter(name: string): Promise<Person>;
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
}

interface Person {
  readonly ws: WebSocketConnection<undefined>;
  say(text: string): Promise<void>;
}

async function withPage(
  browser: typeof chromium,
  body: (visit: Visit) => Promise<void>,
): Promise<void> {
  let server: Child | undefined;
  let page: Page | undefined;
  let port = "0";
  let url = "";
  const others: WebSocketConnection<undefined>[] = [];
  const startServer = async () => {
    server = start("node", "examples/chat/server.ts", ["--port", port]);
    url = (await server.waitFor(/^Chat: (http:\S+)$/m))[1] ?? "";
    port = new URL(url).port;
  };
  try {
    await startServer();
    page = await startBrowser(browser, helpers, url);
    const step: Step = async (script) => {
      const { value, error } = JSON.parse(
        await page!.evaluate(`(async () => {${script}})().then(
          (value) => JSON.stringify({ value }), (error) => JSON.stringify({ error: String(error) }))`),
      );
      if (error) throw new Error(error);
      return value;
    };
    await body({
      step,
      url,
      async enter(name) {
        const ws = await connect(new URL("/rooms/lobby", url));
        others.push(ws);
        await ws.send(JSON.stringify({ type: "name", name }));
        while (!String(await ws.receive()).includes('"entered"')) { /* what was said before */ }
        return { ws, say: (text) => ws.send(JSON.stringify({ type: "text", text })) };
      },
      startServer,
      async stopServer() {
        assertEquals(await server!.stop(), 0);
      },
    });
    assertEquals(await step("return failures"), [], "Expected a silent page");
  } catch (error) {
    throw new Error(`The server said:\n${server?.output()}`, { cause: error });
  } finally {
    for (const ws of others) ws.terminate();
    await page?.stop();
    await server?.stop();
  }
}

/** What strangers say, and what must stand in the page: the text, letter by letter. */
const MARKUP = [
  "<img src=x onerror=\"failures.push('img')\">",
  "<script>failures.push('script')</script>",
  "</p></div><h1>big</h1>",
  '"><svg onload=failures.push(1)>',
  "<iframe src=javascript:alert(1)>",
  "<style>*{display:none}</style>",
  "&lt;b&gt; &amp; &#x3c;",
  "javascript:alert(1) data:text/html,<b>x</b> vbscript:x",
  "<!-- x --><![CDATA[y]]>",
];

async function promises({ step, enter, stopServer, startServer }: Visit): Promise<void> {
  const connected = () => step('await until(() => get("status").className === "connected")');

  // Typing works at once, and what is sent before the connection is open is not lost.
  assertEquals(await step("return document.activeElement.id"), "text");
  await connected();

  // Who is here, and what to do when that is only oneself.
  await step('rename("Ada"); await until(() => get("names").innerText.includes("Ada (you)"))');
  assertEquals(await step('return get("alone").hidden'), false);
  assertEquals(
    await step(
      'const { href, target, rel } = get("alone").querySelector("a"); return [href === location.href, target, rel]',
    ),
    [true, "_blank", "noopener"],
  );
  const grace = await enter("Grace");
  await step('await until(() => notice("Grace joined"))');
  assertEquals(
    await step('return [get("alone").hidden, get("names").innerText.trim().split(/\\s*\\n\\s*/)]'),
    [
      true,
      ["Ada (you)", "Grace"],
    ],
  );

  // A name is refused with a sentence before it is stored, and the former one stays.
  for (
    const [name, sentence] of [
      ["grace", "This name is taken: choose another"],
      ["\u200b \u202e", "There is nothing to read in it yet."],
      ["n".repeat(31), "31 characters, and 30 is the most: shorten it a little."],
    ]
  ) {
    await step(
      `rename(${JSON.stringify(name)}); await until(() => get("name-error").textContent === ${
        JSON.stringify(sentence)
      })`,
    );
    assertEquals(
      await step(
        'return [get("name").ariaInvalid, get("name").value, sessionStorage.getItem("name")]',
      ),
      ["true", name, "Ada"],
    );
  }
  await step('rename("Ada"); await until(() => get("name-error").textContent === "")');

  // One's own message is set apart, has a time and may have several lines. A composition is no end.
  await step('write("first\\nsecond")');
  assertEquals(await step("return [press({ shiftKey: true }), press({ isComposing: true })]"), [
    false,
    false,
  ]);
  assertEquals(await step("return get('text').value"), "first\nsecond");
  await step("press(); await until(() => message('first')?.querySelector('time'))");
  assertEquals(
    await step(`
      const line = message("first");
      const time = line.querySelector("time");
      return [line.className, line.querySelector(".text").innerText, get("text").value,
        Math.abs(Date.now() - new Date(time.dateTime)) < 60_000, /\\d:\\d\\d/.test(time.textContent)]`),
    ["message own", "first\nsecond", "", true, true],
  );

  // What a stranger writes is text, and only an address of the web is a link.
  for (const text of MARKUP) {
    await grace.say(text);
    await step(`await until(() => message(${JSON.stringify(text)}))`);
  }
  await grace.ws.send(JSON.stringify({ type: "name", name: "<b onclick=1>G</b>" }));
  await step('await until(() => notice("Grace is now <b onclick=1>G</b>"))');
  await grace.say(
    "See https://example.org/a_(b)?q=1#x, or (http://example.org). ftp://example.org",
  );
  await step('await until(() => message("or (http"))');
  assertEquals(
    await step(`return [...get("log").querySelectorAll("*")].map(({ localName }) => localName)
      .filter((name) => !["div", "p", "bdi", "time", "a", "span"].includes(name))`),
    [],
  );
  assertEquals(
    await step(
      `return [...get("log").querySelectorAll("a")].map((a) => [a.getAttribute("href"), a.rel])`,
    ),
    ["https://example.org/a_(b)?q=1#x", "http://example.org"].map((
      href,
    ) => [href, "noopener noreferrer"]),
  );

  // Each name and text has its own direction, and turns nothing beside it.
  const david = await enter("דוד");
  await david.say("שלום, hello");
  await (await enter("\u202eoverride")).say("\u202etext");
  await grace.say("plain");
  await step('await until(() => message("plain"))');
  assertEquals(
    await step(
      `return ["שלום", "plain"].map((text) => getComputedStyle(message(text).querySelector(".text")).direction)`,
    ),
    ["rtl", "ltr"],
  );
  assertEquals(
    await step(`
      const line = [...document.querySelectorAll(".notice")].find((line) => line.textContent.startsWith("דוד"));
      const range = document.createRange();
      range.selectNode(line.lastChild);
      const after = [...document.querySelectorAll(".notice")].find(({ textContent }) => textContent === "override joined");
      return [line.querySelector("bdi").getBoundingClientRect().right <= range.getBoundingClientRect().left + 5, Boolean(after)]`),
    [true, true],
  );

  // The newest is in sight, also when the field grows. One who reads further up stays there.
  for (let i = 0; i < 15; i++) await grace.say(`filling ${i}`);
  await step('await until(() => message("filling 14") && atEnd())');
  await step(
    'write("1\\n2\\n3\\n4\\n5\\n6"); get("text").rows = 6; await twoFrames(); await until(atEnd)',
  );
  await step('get("log").style.height = "60%"; await twoFrames(); await until(atEnd)');
  await step('get("log").style.height = ""; await twoFrames(); await until(atEnd)');
  await step(
    'get("log").scrollTop = 0; await twoFrames()',
  );
  await grace.say("news 1");
  await step('await until(() => get("new").innerText.startsWith("1 new message"))');
  await grace.say("news 2");
  await step('await until(() => get("new").innerText.startsWith("2 new messages"))');
  assertEquals(await step('return get("log").scrollTop'), 0);
  await step('get("new").click(); await until(() => atEnd() && get("new").hidden)');
  await step(
    'get("log").scrollTop = 0; await twoFrames(); say("mine"); await until(() => message("mine")?.querySelector("time") && atEnd())',
  );

  // No text is lost: one that is too long stays, with a sentence, and so does a blank one.
  assertEquals(
    await step(
      'say("t".repeat(1_001)); return [get("text").value.length, get("text-error").textContent]',
    ),
    [1001, "1001 characters, and 1000 is the most: shorten it a little."],
  );
  assertEquals(
    await step('say("\\u200b"); return [get("text").value, get("text-error").textContent]'),
    ["\u200b", "There is nothing to read in it yet."],
  );

  // While the server is away: what is going on, what is sent waits, and what is written stays.
  await step('write("")');
  const stopped = step(
    'await until(() => get("status").textContent === "Not connected: the server has stopped")',
  );
  await stopServer();
  await stopped;
  await step('await until(() => /^Connecting again in \\d+ s$/.test(get("retry").textContent))');
  assertEquals(await step('return get("now").hidden'), false);
  await step('say("while away 1"); say("while away 2"); write("a draft")');
  assertEquals(
    await step(
      'return [message("while away 1").className, message("while away 1").innerText.includes("waiting")]',
    ),
    ["message own waiting", true],
  );
  await step(
    'get("now").click(); await until(() => get("status").textContent === "Not connected: the server cannot be reached")',
  );
  // It does not wait for its time when the network is back, or the page is looked at again.
  for (
    const event of [
      "dispatchEvent(new Event('online'))",
      "document.dispatchEvent(new Event('visibilitychange'))",
    ]
  ) {
    await step('await until(() => get("retry").textContent.startsWith("Connecting again"))');
    assertEquals(await step(`${event}; return get("retry").textContent`), "Connecting …");
  }

  await startServer();
  await connected(); // by itself
  await step('await until(() => message("while away 2").querySelector("time"))');
  assertEquals(
    await step(`return [
      [...document.querySelectorAll(".message")].filter((line) => line.textContent.includes("while away")).map((line) =>
        line.className + line.querySelector(".text").textContent),
      get("text").value, get("now").hidden, get("retry").textContent,
      Boolean(notice("Some messages may be missing here"))]`),
    [["message ownwhile away 1", "message ownwhile away 2"], "a draft", true, "", true],
  );
  const late = await connect(new URL("/rooms/lobby", await step("return location.href") as string));
  await late.send('{"type":"name","name":"Late"}');
  const heard: string[] = [];
  for (let data = ""; !data.includes('"entered"');) heard.push(data = String(await late.receive()));
  const said = heard.map((data) => JSON.parse(data)).filter(({ type }) => type === "text");
  assertEquals(said.map(({ name, text }) => `${name}: ${text}`), [
    "Ada: while away 1",
    "Ada: while away 2",
  ]);
  late.terminate();
  assert(await step("return document.getAnimations().length === 0"), "Expected no motion");
}

for (const browser of [chromium, firefox]) {
  test(`chat page in ${browser.name} keeps its promises`, () => withPage(browser, promises), {
    skip: runtime !== "node"
      ? "one browser run covers it"
      : !browser.executable && `no ${browser.name}`,
    timeout: 120_000,
  });
}
