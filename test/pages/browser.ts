// The browser in which pages are tested.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import type { Browser, Locator, Page } from "playwright-core";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { chromiumArgs, chromiumPath } from "../support/chromium.ts";
import { serveSite } from "../support/site.ts";
import { runtime } from "../support/test.ts";

/** Why pages are not tested here, if they are not. */
export const skip: string | false = runtime !== "node"
  ? "one browser run covers servers on all three runtimes"
  : !chromiumPath && !process.env["CI"] && "no chromium, chromium-browser or google-chrome";

/** Starts it, with more arguments than it always has. */
export async function launch(...args: readonly string[]): Promise<Browser> {
  assert(chromiumPath, "Expected chromium, chromium-browser or google-chrome in PATH");
  const { chromium } = await import("playwright-core");
  return await chromium.launch({
    executablePath: chromiumPath,
    args: [...chromiumArgs, ...args],
  });
}

/** A wide screen and a phone's. */
export const screens = {
  wide: { width: 1000, height: 600 },
  phone: { width: 360, height: 640 },
} as const;

/**
 * Opens a page as a new visitor.
 *
 * @param browser The browser.
 * @param url The address.
 * @param errors Receives what the page reports as errors.
 * @param options Whether on the small screen of a phone, and whether on a dark one: a phone's is.
 */
export async function openPage(
  browser: Browser,
  url: string,
  errors: string[],
  { phone = false, dark = phone }: { phone?: boolean; dark?: boolean } = {},
): Promise<Page> {
  const context = await browser.newContext({
    viewport: phone ? screens.phone : screens.wide,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(url);
  return page;
}

/** Waits until an element that `selector` names is on the screen with this text in it. */
export async function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor();
}

/** Nothing sticks out of the screen at the side, and the page itself need not be scrolled. */
export async function fitsItsScreen(page: Page): Promise<void> {
  const size = await page.evaluate(() => {
    const { scrollWidth: width, scrollHeight: height } = document.documentElement;
    return { width, height };
  });
  assertEquals(size, page.viewportSize() ?? undefined);
}

/** Opens the site in a browser, and checks that its pages have reported no error. */
export async function withSite(
  body: (browser: Browser, url: string, errors: string[]) => Promise<void>,
): Promise<void> {
  await using server = await serveSite();
  const browser = await launch();
  const errors: string[] = [];
  try {
    await body(browser, server.url, errors);
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
}

/** What axe-core finds on a page against WCAG 2.2, levels A and AA. */
export async function violations(page: Page): Promise<unknown[]> {
  if (!await page.evaluate(() => "axe" in globalThis)) {
    const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
    await page.evaluate(readFileSync(axe, "utf8"));
  }
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(what: Document, how: object): Promise<{ violations: Violation[] }> };
    };
    type Violation = { id: string; nodes: { html: string; failureSummary: string }[] };
    const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    const found = await axe.run(document, { runOnly, resultTypes: ["violations"] });
    return found.violations.map(({ id, nodes }) => [id, nodes.map((node) => node.failureSummary)]);
  });
}

/** Takes a screenshot of a page, or of a part of it, into the folder that SCREENSHOTS names. */
export async function keepPicture(of: Page | Locator, name: string): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder) await of.screenshot({ path: join(folder, `${name}.png`) });
}
