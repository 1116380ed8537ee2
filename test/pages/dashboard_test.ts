// The page of the dashboard in a real browser.

import { assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { start } from "../support/process.ts";
import { test } from "../support/test.ts";
import { keepPicture, launch, openPage, shows, skip } from "./browser.ts";

test("dashboard page plots what comes, and connects again", async () => {
  const begin = (port: string) => start("node", "examples/dashboard/server.ts", ["--port", port]);
  const errors: string[] = [];
  let server = begin("0");
  const browser = await launch();
  try {
    const [, url = ""] = await server.waitFor(/^Dashboard: (http:\S+)$/m);
    const wide = await openPage(browser, url, errors);
    const phone = await openPage(browser, url, errors, { phone: true });
    for (const page of [wide, phone]) {
      await shows(page, "#status.connected", "Live");
      await shows(page, "#viewers", /^2$/);
      await shows(page, "#memory", /^\d+$/);
      await shows(page, "#cpu output", /^\d+\.\d%$/);
      await shows(page, "#trip output", /^\d+\.\dms$/);
      await plots(page, 10);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assertEquals(width, page.viewportSize()?.width);
    }
    await keepPicture(wide, "dashboard-wide");
    await keepPicture(phone, "dashboard-phone");
    // A page that is opened later begins with what was before.
    await wide.reload();
    await plots(wide, 3);
    assertEquals(errors, []);

    assertEquals(await server.stop(), 0, server.output());
    await shows(wide, "#status", "Disconnected, trying again …");
    server = begin(new URL(url).port);
    await shows(wide, "#status.connected", "Live");
    await shows(wide, "#viewers", /^2$/);
    // The attempts in vain are all that the browser has to report.
    for (const error of errors) assertMatch(error, /ERR_CONNECTION_REFUSED/);
  } finally {
    await browser.close();
    await server.stop();
  }
}, { skip, timeout: 120_000 });

/** Waits until the curve of the processor has so many points. */
async function plots(page: Page, points: number): Promise<void> {
  await page.waitForFunction(
    (expected) => {
      const curve = document.querySelector("#cpu .curve")?.getAttribute("d") ?? "";
      return /^M[\d. L-]+$/.test(curve) && curve.split("L").length >= expected;
    },
    points,
  );
}
