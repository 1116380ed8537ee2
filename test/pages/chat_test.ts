// The chat page in a real browser, with each runtime as its server.
//
// 1. One browser run, under Node, covers the servers on all three runtimes.
// 2. Without a browser the test is skipped, and says so; on CI that is a failure.
// 3. Every wait is for something the page shows, never for time to pass.
// 4. SCREENSHOTS=folder keeps pictures of the page.
// 5. chat_page_test.ts has what needs no real keys and screens, in Firefox as well.

import { assert, assertEquals } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import { runtimeNames, start } from "../support/process.ts";
import type { Child, RuntimeName } from "../support/process.ts";
import { test } from "../support/test.ts";
import {
  fitsItsScreen,
  keepPicture,
  launch,
  openPage,
  shows,
  skip,
  violations,
} from "./browser.ts";

for (const name of runtimeNames) {
  test(`chat page with a ${name} server works`, () => withBrowser(name, chat), {
    skip,
    timeout: 120_000,
  });
}

test("chat page is accessible in both themes, on screens of all sizes", () => {
  return withBrowser("node", accessible);
}, { skip, timeout: 120_000 });

test("chat page keeps a draft, and what was not sent, when it is loaded again", () => {
  return withBrowser("node", reloaded);
}, { skip, timeout: 120_000 });

interface Visit {
  readonly name: RuntimeName;
  /** The page's console errors and exceptions. */
  readonly errors: string[];
  /** Opens the chat as a new visitor, on a phone's screen if asked, which is dark by default. */
  open(options?: { phone?: boolean; dark?: boolean }): Promise<Page>;
  /** Starts the server again on the port it had. */
  restart(): Promise<void>;
  /** Stops the server with SIGTERM. */
  stop(): Promise<void>;
}

async function chat(visit: Visit): Promise<void> {
  const { name, open, restart, stop, errors } = visit;
  const ada = await open();
  const grace = await open({ phone: true });

  // Keyboard only: the cursor starts in the message field, and Shift+Tab leads to the log and
  // the name.
  await shows(ada, "#status", "Connected");
  await focused(ada, "text");
  await ada.locator("#names li").nth(1).waitFor(); // so that there is no link to a second tab
  await ada.keyboard.press("Shift+Tab");
  await focused(ada, "log");
  await ada.keyboard.press("Shift+Tab");
  await focused(ada, "name");
  await ada.keyboard.press("ControlOrMeta+A");
  await ada.keyboard.type("Ada");
  await ada.keyboard.press("Enter");
  await focused(ada, "text");

  await grace.getByRole("textbox", { name: "Your name" }).fill("Grace");
  await grace.getByRole("textbox", { name: "Message" }).focus();
  await people(ada, ["Ada", "Grace"]);
  await people(grace, ["Ada", "Grace"]);

  // Both ways, and markup stays text.
  await ada.keyboard.type("Hello <b>Grace</b> ☎");
  await ada.keyboard.press("Enter");
  await shows(grace, ".message:not(.own) .text", "Hello <b>Grace</b> ☎");
  await shows(ada, ".message.own .text", "Hello <b>Grace</b> ☎");
  await grace.getByRole("textbox", { name: "Message" }).fill(
    `Hi! ${"o".repeat(200)}`,
  );
  await grace.getByRole("button", { name: "Send" }).click();
  await shows(ada, ".message:not(.own)", /Grace.*Hi! ooo/);
  assertEquals(await grace.getByRole("textbox", { name: "Message" }).inputValue(), "");

  // Several lines: Shift+Enter breaks one, and the field grows.
  await ada.keyboard.type("one");
  await ada.keyboard.press("Shift+Enter");
  await ada.keyboard.type("two");
  assertEquals(await ada.getByRole("textbox", { name: "Message" }).inputValue(), "one\ntwo");
  await ada.keyboard.press("Enter");
  await shows(grace, ".message .text", /one\s+two/);

  await ada.keyboard.type("   ");
  await ada.keyboard.press("Enter");
  await shows(ada, "#text-error", "There is nothing to read in it yet.");
  await ada.getByRole("textbox", { name: "Message" }).fill("");

  await keepPicture(ada, `chat-${name}-wide`);
  await keepPicture(grace, `chat-${name}-phone`);
  for (const page of [ada, grace]) await fitsItsScreen(page);

  // A page that is loaded again has what was said, and is no news.
  await grace.reload();
  await people(grace, ["Ada", "Grace"]);
  await people(ada, ["Ada", "Grace"]);
  assertEquals(await texts(grace), [
    "Hello <b>Grace</b> ☎",
    `Hi! ${"o".repeat(200)}`,
    "one\ntwo",
  ]);
  assertEquals(await grace.locator(".message.own").count(), 1); // also after that, and of hers alone
  assert(!(await ada.locator("#log").innerText()).includes("Grace left"));
  assertEquals(await grace.getByRole("textbox", { name: "Your name" }).inputValue(), "Grace");

  // One whose connection has ended gets what it has missed: once, and in order.
  await disconnect(grace);
  for (const text of ["While", "you", "were away"]) {
    await ada.keyboard.type(text);
    await ada.keyboard.press("Enter");
    await shows(ada, ".message.own:not(.waiting) .text", text);
  }
  await people(ada, ["Ada", "Grace"]);
  await grace.getByRole("button", { name: "Try now" }).focus();
  await grace.unroute("**/alive");
  await grace.keyboard.press("Enter");
  await shows(grace, "#status.connected", "Connected");
  await focused(grace, "text"); // the button is hidden now
  const missed = ["While", "you", "were away", "This leaves later"];
  await shows(ada, ".message .text", "This leaves later");
  await shows(grace, ".message.own:not(.waiting) .text", "This leaves later");
  await people(grace, ["Ada", "Grace"]);
  assertEquals((await texts(grace)).slice(3), missed);
  assertEquals(await texts(grace), await texts(ada));
  assert(!(await grace.locator("#log").innerText()).includes("missing"));

  // Another room has other people and other messages.
  await enter(grace, "Tea & cake");
  await people(grace, ["Grace"]);
  assertEquals(await grace.title(), "Tea & cake · Chat");
  await grace.keyboard.type("Only tea here");
  await grace.keyboard.press("Enter");
  await shows(grace, ".message.own .text", "Only tea here");
  await keepPicture(grace, `chat-${name}-phone-room`);
  await enter(grace, "lobby");
  await people(grace, ["Ada", "Grace"]);
  await people(ada, ["Ada", "Grace"]);
  assert(!(await ada.locator("#log").innerText()).includes("Only tea here"));

  await stop();
  for (const page of [ada, grace]) {
    await shows(page, "#status.away", "Not connected: the server");
    await shows(page, "#retry", /^Connecting again in \d+ s$/);
    await people(page, []);
    await fitsItsScreen(page);
  }
  await ada.keyboard.type("Said meanwhile");
  await ada.keyboard.press("Enter");
  await shows(ada, ".message.waiting", "Said meanwhile");
  await ada.keyboard.type("A draft");
  await keepPicture(ada, `chat-${name}-wide-stopped`);
  await keepPicture(grace, `chat-${name}-phone-stopped`);

  await restart();
  for (const page of [ada, grace]) {
    await shows(page, "#status.connected", "Connected"); // by itself
    await people(page, ["Ada", "Grace"]);
    // The server has started anew, and knows nothing of what was said.
    await shows(page, "#log .notice", "Some messages may be missing here");
    assert(await page.getByRole("button", { name: "Try now" }).isHidden());
  }
  await shows(grace, ".message .text", "Said meanwhile");
  await focused(ada, "text");
  await ada.keyboard.type(" that was kept");
  await ada.keyboard.press("Enter");
  await shows(grace, ".message .text", "A draft that was kept");

  // Nothing was written into the console meanwhile, by the page or by the browser.
  assertEquals(errors, []);
}

async function reloaded({ open, stop, restart, errors }: Visit): Promise<void> {
  const ada = await open();
  await shows(ada, "#status.connected", "Connected");
  const field = ada.getByRole("textbox", { name: "Message" });
  await field.fill("A draft\nof two lines");
  await ada.reload();
  assertEquals(await field.inputValue(), "A draft\nof two lines");
  await shows(ada, "#status.connected", "Connected");

  await stop();
  await shows(ada, "#status.away", "Not connected");
  await ada.route("**/alive", (route) => route.abort());
  await field.press("Enter");
  await shows(ada, ".message.waiting", "A draft");
  await restart();
  // It is loaded before it has sent anything, and sends it then.
  await ada.reload();
  await shows(ada, ".message.own:not(.waiting)", "A draft");
  assertEquals(await texts(ada), ["A draft\nof two lines"]);
  assertEquals(errors, []);
}

async function accessible({ open, errors }: Visit): Promise<void> {
  const talker = await open();
  await shows(talker, "#status.connected", "Connected");
  for (const text of ["Hello", "See https://example.org/", "שלום"]) {
    await talker.getByRole("textbox", { name: "Message" }).fill(text);
    await talker.keyboard.press("Enter");
    await shows(talker, ".message:not(.waiting)", text);
  }
  for (const phone of [false, true]) {
    for (const dark of [false, true]) {
      const page = await open({ phone, dark });
      await shows(page, "#status.connected", "Connected");
      const field = page.getByRole("textbox", { name: "Message" });
      await field.fill("Mine");
      await field.press("Enter");
      await shows(page, ".message.own:not(.waiting)", "Mine");
      await page.getByRole("textbox", { name: "Your name" }).fill("n".repeat(31));
      await field.fill("t".repeat(1001));
      await shows(page, "#text-error", "1001 characters");
      await shows(page, "#name-error", "31 characters");
      await keepPicture(page, `chat-${phone ? "phone" : "wide"}-${dark ? "dark" : "light"}`);
      assertEquals(await violations(page), []);
      assertEquals(await page.evaluate(faint), []);
      // A screen of 1280 by 1024 at 400%.
      await page.setViewportSize({ width: 320, height: 256 });
      assertEquals(await page.evaluate(overlapping), []);
      assertEquals(await violations(page), []);
      await page.context().close();
    }
  }
  assertEquals(errors, []);
}

/** The texts with a contrast below 4.5:1. In the page: axe-core leaves many of them open. */
function faint(): string[] {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  const luminance = (color: string) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0] = [...canvas.getImageData(0, 0, 1, 1).data]
      .map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const background = (element: Element | null): string => {
    if (!element) return "white";
    const { backgroundColor } = getComputedStyle(element);
    return /, 0\)$/.test(backgroundColor) ? background(element.parentElement) : backgroundColor;
  };
  return [...document.querySelectorAll<HTMLElement>("body *")]
    .filter((element) => element.checkVisibility())
    .filter(({ childNodes, localName }) =>
      localName === "input" || localName === "textarea" ||
      [...childNodes].some((node) => node.nodeType === 3 && node.textContent!.trim() !== "")
    )
    .map((element) => {
      const text = luminance(getComputedStyle(element).color);
      const behind = luminance(background(element));
      const contrast = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
      return contrast >= 4.5 ? "" : `${contrast.toFixed(2)} ${element.outerHTML.slice(0, 100)}`;
    })
    .filter(Boolean);
}

/** Which parts of the page lie upon another, or stick out at the side. In the page. */
function overlapping(): string[] {
  const parts = ["header", "#people", "main", "#write"].map((name) => ({
    name,
    box: document.querySelector(name)!.getBoundingClientRect(),
  }));
  const found = parts.flatMap((a, i) =>
    parts.slice(i + 1)
      .filter((b) => a.box.bottom > b.box.top + 0.5 && b.box.bottom > a.box.top + 0.5)
      .map((b) => `${a.name} and ${b.name}`)
  );
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`${scrollWidth} wide on ${clientWidth}`);
  if (parts[2]!.box.height < 150) found.push("no room for messages");
  return found;
}

/** Runs `body` with a browser and a server, and ends both whatever happens. */
async function withBrowser(name: RuntimeName, body: (visit: Visit) => Promise<void>) {
  const errors: string[] = [];
  let server: Child | undefined;
  let browser: Browser | undefined;
  let url = "";

  const listen = async (port: string) => {
    server = start(name, "examples/chat/server.ts", ["--port", port]);
    url = (await server.waitFor(/^Chat: (http:\S+)$/m))[1] ?? "";
  };
  try {
    await listen("0");
    const opened = browser = await launch();
    const open = (options?: { phone?: boolean; dark?: boolean }) =>
      openPage(opened, url, errors, options);
    await body({ name, errors, open, restart: () => listen(new URL(url).port), stop });
  } catch (error) {
    throw new Error(`${name} server said:\n${server?.output()}`, { cause: error });
  } finally {
    await browser?.close();
    await server?.stop();
  }

  async function stop(): Promise<void> {
    const stopped = server!;
    assertEquals(await stopped.stop(), 0, stopped.output());
    assertEquals(stopped.output(), `Chat: ${url}\n`);
  }
}

/** Goes to another room, and waits until the page there is ready for a message. */
async function enter(page: Page, room: string): Promise<void> {
  const field = page.getByRole("textbox", { name: "Room" });
  await field.fill(room);
  await field.press("Enter");
  await page.waitForURL(`**/rooms/${encodeURIComponent(room)}`);
  await shows(page, "#status.connected", "Connected");
  await focused(page, "text");
}

/** Waits until exactly these people are listed, in any order. */
async function people(page: Page, names: string[]): Promise<void> {
  await page.waitForFunction(
    (expected) => {
      const items = [...document.querySelectorAll("#names li")];
      return items.map((item) => item.querySelector("bdi")?.textContent).sort().join("\n") ===
        expected;
    },
    [...names].sort().join("\n"),
  );
}

/** What was said, as the page has it. */
function texts(page: Page): Promise<string[]> {
  return page.locator("#log .text").evaluateAll((lines) =>
    lines.map(({ textContent }) => textContent ?? "")
  );
}

/** Ends the page's connection, which the page does not expect, until `/alive` is let through. */
async function disconnect(page: Page): Promise<void> {
  await page.route("**/alive", (route) => route.abort());
  await page.evaluate(() => {
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function () {
      this.close();
      WebSocket.prototype.send = send;
    };
  });
  await page.getByRole("textbox", { name: "Message" }).fill("This leaves later");
  await page.getByRole("button", { name: "Send" }).click();
  await shows(page, "#status.away", "Not connected");
  await shows(page, ".message.waiting", "This leaves later");
}

async function focused(page: Page, id: string): Promise<void> {
  await page.waitForFunction((expected) => document.activeElement?.id === expected, id);
}
