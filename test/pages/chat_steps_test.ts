// The pages of examples/learn/chat in Chromium: what docs/learn/chat.md says under "See".

import { assertEquals } from "@std/assert";
import { connect } from "@sansocket/ws";
import type { Browser, Page } from "playwright-core";
import { type Child, commandOf, run } from "../support/process.ts";
import { redisSkip, startRedis } from "../support/redis_server.ts";
import { test } from "../support/test.ts";
import { launch, openPage, shows, skip } from "./browser.ts";

/** Starts the server of a step; `port` is a free one by default. */
async function startStep(
  step: number,
  { port = "0", env = [] }: { port?: string; env?: readonly string[] } = {},
): Promise<{ server: Child; url: string }> {
  const file = `examples/learn/chat/step${String(step).padStart(2, "0")}/server.ts`;
  const server = run(["env", ...env, ...commandOf("node", file, [port])]);
  const [, url = ""] = await server.waitFor(/^Chat: (http:\S+)$/m);
  return { server, url };
}

/** Runs `body` with the server of a step and a browser; a page that asks for a name gets the next one. */
async function withStep(
  step: number,
  body: (scene: { visit: (path?: string) => Promise<Page>; server: Child }) => Promise<void>,
): Promise<void> {
  const { server, url } = await startStep(step);
  let browser: Browser | undefined;
  try {
    browser = await launch();
    const errors: string[] = [];
    const names = ["Ada", "Grace", "Eve"];
    const visit = async (path = "/"): Promise<Page> => {
      const page = await openPage(browser!, "about:blank", errors);
      page.on("dialog", (dialog) => dialog.accept(names.shift()));
      await page.goto(new URL(path, url).href);
      return page;
    };
    await body({ visit, server });
    assertEquals(errors, []);
  } finally {
    await browser?.close();
    await server.stop("SIGKILL");
  }
}

/** Writes a text and sends it. */
async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByLabel("Message").press("Enter");
}

async function isConnected(page: Page): Promise<void> {
  await shows(page, "#status", /^Connected$/);
}

const log = (page: Page): Promise<string[]> => page.locator("#log p").allInnerTexts();

test("chat step 2 echoes to its page alone, step 3 to all", async () => {
  for (const step of [2, 3]) {
    await withStep(step, async ({ visit }) => {
      const [one, other] = [await visit(), await visit()];
      for (const page of [one, other]) await isConnected(page);
      await say(one, "<b>hello</b>");
      await shows(one, "#log", "<b>hello</b>");
      await say(other, "bye");
      await shows(other, "#log", "bye");
      assertEquals(await log(other), step === 2 ? ["bye"] : ["<b>hello</b>", "bye"]);
    });
  }
}, { skip });

test(
  "chat step 5 shows names, and that a long text has ended the connection",
  () =>
    withStep(5, async ({ visit }) => {
      const [ada, grace] = [await visit(), await visit()];
      for (const page of [ada, grace]) await isConnected(page);
      await say(ada, "hello");
      await shows(grace, "#log", "Ada: hello");
      await say(grace, "x".repeat(5_000));
      await shows(grace, "#status", "Not connected");
    }),
  { skip },
);

test("chat step 6 has a page for each room", () =>
  withStep(6, async ({ visit }) => {
    const [ada, grace] = [await visit(), await visit("/rooms/tea")];
    assertEquals(new URL(ada.url()).pathname, "/rooms/lobby");
    for (const page of [ada, grace]) await isConnected(page);
    await say(ada, "hello");
    await shows(ada, "#log", "Ada: hello");
    await say(grace, "tea?");
    await shows(grace, "#log", "Grace: tea?");
    assertEquals([await log(ada), await log(grace)], [["Ada: hello"], ["Grace: tea?"]]);
  }), { skip });

test(
  "chat step 8 shows who is here and what was said before",
  () =>
    withStep(8, async ({ visit }) => {
      const ada = await visit();
      await shows(ada, "#people", /^Ada$/);
      await say(ada, "hello");
      const grace = await visit();
      for (const page of [ada, grace]) await shows(page, "#people", /^Ada, Grace$/);
      await shows(grace, "#log", "Ada: hello");
    }),
  { skip },
);

test("chat step 9 comes back to a server that has lost its history, and says so", async () => {
  const first = await startStep(9);
  const { port } = new URL(first.url);
  let browser: Browser | undefined;
  let server = first.server;
  try {
    browser = await launch();
    const page = await openPage(browser, "about:blank", []);
    page.on("dialog", (dialog) => dialog.accept("Ada"));
    await page.goto(first.url);
    await isConnected(page);
    await say(page, "hello");
    await shows(page, "#log", "Ada: hello");
    await server.stop("SIGKILL");
    await shows(page, "#status", "Not connected: trying again");
    await say(page, "in vain");
    ({ server } = await startStep(9, { port }));
    await shows(page, "#log", "Some messages may be missing here.");
    assertEquals(await page.getByLabel("Message").inputValue(), "in vain");
    await page.getByRole("button").click();
    await shows(page, "#log", "Ada: in vain");
    assertEquals(await page.getByLabel("Message").inputValue(), "");
  } finally {
    await browser?.close();
    await server.stop("SIGKILL");
  }
}, { skip });

test("chat step 12 logs in, comes back after a restart, and shows everything once", async () => {
  await using redis = await startRedis();
  const env = [`REDIS_URL=${redis.url}`, "SECRET=of both"];
  const [first, second] = [await startStep(12, { env }), await startStep(12, { env })];
  const { port } = new URL(first.url);
  const servers = [first.server, second.server];
  let browser: Browser | undefined;
  try {
    browser = await launch();
    const pages: Page[] = [];
    for (const name of ["Ada", "<b>Grace</b>"]) {
      const page = await openPage(browser, first.url, []);
      assertEquals(new URL(page.url()).pathname, "/login");
      await page.getByLabel("Your name").fill(name);
      await page.getByRole("button").click();
      await isConnected(page);
      pages.push(page);
    }
    const [ada, grace] = pages as [Page, Page];
    await shows(ada, "#people", "<b>Grace</b>, Ada");
    await say(ada, "hello");
    await shows(grace, "#log", "Ada: hello");
    await ada.reload();
    await shows(ada, "#log", "Ada: hello");

    assertEquals(await first.server.stop(), 0);
    for (const page of pages) await shows(page, "#status", "Not connected: trying again");
    // In the other process, life goes on.
    const cookies = await ada.context().cookies();
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    const eve = await connect(new URL("/rooms/lobby", second.url), { headers: { cookie } });
    await eve.send("while you were away");
    servers.push((await startStep(12, { port, env })).server);
    for (const page of pages) await isConnected(page);
    await say(grace, "back");
    for (const page of pages) {
      await shows(page, "#log", "<b>Grace</b>: back");
      assertEquals(
        await log(page),
        ["Ada: hello", "Ada: while you were away", "<b>Grace</b>: back"],
      );
    }
    eve.terminate();
  } finally {
    await browser?.close();
    for (const server of servers) await server.stop("SIGKILL");
  }
}, { skip: skip || redisSkip, timeout: 120_000 });
