// The chat page in a real browser, with each runtime as its server.
//
// 1. One browser run, under Node, covers the servers on all three runtimes.
// 2. Without a browser the test is skipped, and says so; on CI that is a failure.
// 3. Every wait is for something the page shows, never for time to pass.
// 4. SCREENSHOTS=folder keeps pictures of the page.

import { assert, assertEquals } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import { runtimeNames, start } from "../support/process.ts";
import type { Child, RuntimeName } from "../support/process.ts";
import { test } from "../support/test.ts";
import { fitsItsScreen, launch, openPage, picture, shows, skip } from "./browser.ts";

for (const name of runtimeNames) {
  test(`chat page with a ${name} server works`, () => withBrowser(name, chat), {
    skip,
    timeout: 120_000,
  });
}

interface Visit {
  readonly name: RuntimeName;
  /** The page's console errors and exceptions. */
  readonly errors: string[];
  /** Opens the chat as somebody new, on a phone's screen if asked. */
  open(options?: { phone: boolean }): Promise<Page>;
  /** Starts the server again on the port it had. */
  restart(): Promise<void>;
  /** Stops the server with SIGTERM. */
  stop(): Promise<void>;
}

async function chat(visit: Visit): Promise<void> {
  const { name, open, restart, stop, errors } = visit;
  const ada = await open();
  const grace = await open({ phone: true });

  // Keyboard only: the cursor starts in the message field, and Shift+Tab leads to the name.
  await shows(ada, "#status", "Connected");
  await focused(ada, "text");
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
  await shows(grace, "#log", "AdaHello <b>Grace</b> ☎");
  await shows(ada, "#log", "AdaHello <b>Grace</b> ☎");
  await grace.getByRole("textbox", { name: "Message" }).fill(
    `Hi! ${"o".repeat(200)}`,
  );
  await grace.getByRole("button", { name: "Send" }).click();
  await shows(ada, "#log", "GraceHi! ooo");
  assertEquals(await grace.getByRole("textbox", { name: "Message" }).inputValue(), "");

  // The server judges what the page lets through.
  await ada.keyboard.type("   ");
  await ada.keyboard.press("Enter");
  await shows(ada, "#log .error", "Expected a text of 1 to 1000 characters");

  await ada.screenshot(picture(`chat-${name}-wide`));
  await grace.screenshot(picture(`chat-${name}-phone`));
  for (const page of [ada, grace]) await fitsItsScreen(page);

  // A page that is loaded again has what was said, and is no news.
  await grace.reload();
  await people(grace, ["Ada", "Grace"]);
  await people(ada, ["Ada", "Grace"]);
  assertEquals(await texts(grace), ["Hello <b>Grace</b> ☎", `Hi! ${"o".repeat(200)}`]);
  assert(!(await ada.locator("#log").innerText()).includes("Grace left"));
  assertEquals(await grace.getByRole("textbox", { name: "Your name" }).inputValue(), "Grace");

  // One whose connection has ended gets what it has missed: once, and in order.
  await disconnect(grace);
  for (const text of ["While", "you", "were away"]) {
    await ada.keyboard.type(text);
    await ada.keyboard.press("Enter");
    await shows(ada, "#log", `Ada${text}`);
  }
  await people(ada, ["Ada", "Grace"]);
  await grace.getByRole("button", { name: "Reconnect" }).click();
  await shows(grace, "#log", "Adawere away");
  await people(grace, ["Ada", "Grace"]);
  assertEquals((await texts(grace)).slice(2), ["While", "you", "were away"]);
  assertEquals(await texts(grace), await texts(ada));
  assert(!(await grace.locator("#log").innerText()).includes("missing"));

  // Another room has other people and other messages.
  await enter(grace, "Tea & cake");
  await people(grace, ["Grace"]);
  assertEquals(await grace.title(), "Tea & cake · Chat");
  await grace.keyboard.type("Only tea here");
  await grace.keyboard.press("Enter");
  await shows(grace, "#log", "GraceOnly tea here");
  await grace.screenshot(picture(`chat-${name}-phone-room`));
  await enter(grace, "lobby");
  await people(grace, ["Ada", "Grace"]);
  await people(ada, ["Ada", "Grace"]);
  assert(!(await ada.locator("#log").innerText()).includes("Only tea here"));

  await stop();
  for (const page of [ada, grace]) {
    await shows(page, "#status.disconnected", "Disconnected: the server has stopped");
    assert(await page.getByRole("button", { name: "Send" }).isDisabled());
    await people(page, []);
    await fitsItsScreen(page);
  }
  await ada.screenshot(picture(`chat-${name}-wide-stopped`));
  await grace.screenshot(picture(`chat-${name}-phone-stopped`));

  await restart();
  await ada.keyboard.type("A draft");
  await ada.getByRole("button", { name: "Reconnect" }).focus();
  await ada.keyboard.press("Enter");
  await shows(ada, "#status.connected", "Connected");
  await focused(ada, "text");
  await grace.getByRole("button", { name: "Reconnect" }).click();
  await people(ada, ["Ada", "Grace"]);
  await people(grace, ["Ada", "Grace"]);
  // The server has started anew, and knows nothing of what was said.
  for (const page of [ada, grace]) {
    await shows(page, "#log .notice", "Some messages may be missing here");
  }
  assert(await ada.getByRole("button", { name: "Reconnect" }).isHidden());
  await ada.keyboard.type(" that was kept");
  await ada.keyboard.press("Enter");
  await shows(grace, "#log", "AdaA draft that was kept");

  assertEquals(errors, []);
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
    const open = (options?: { phone: boolean }) => openPage(opened, url, errors, options);
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
      return items.map((item) => item.textContent).sort().join("\n") === expected;
    },
    [...names].sort().join("\n"),
  );
}

/** What was said, as the page has it. */
function texts(page: Page): Promise<string[]> {
  return page.locator("#log .text").evaluateAll((lines) =>
    lines.map((line) => line.lastChild?.textContent ?? "")
  );
}

/** Ends the page's connection, which the page does not expect. */
async function disconnect(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function () {
      this.close();
      WebSocket.prototype.send = send;
    };
  });
  await page.getByRole("textbox", { name: "Message" }).fill("This does not leave");
  await page.getByRole("button", { name: "Send" }).click();
  await shows(page, "#status.disconnected", "Disconnected");
}

async function focused(page: Page, id: string): Promise<void> {
  await page.waitForFunction((expected) => document.activeElement?.id === expected, id);
}
