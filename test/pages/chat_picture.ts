// docs/images/chat.png, which the README shows: the chat of `npm start`, as two people see it.
//
//   node --import tsx test/pages/chat_picture.ts

import type { Page } from "playwright-core";
import { join } from "node:path";
import { root, start } from "../support/process.ts";
import { launch, shows } from "./browser.ts";

const server = start("node", "examples/chat/server.ts", ["--port", "0"]);
const browser = await launch();
const say = async (page: Page, text: string): Promise<void> => {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.keyboard.press("Enter");
  for (const other of [ada, grace]) await shows(other, ".message:not(.waiting) .text", text);
};
const enter = async (name: string, width: number): Promise<Page> => {
  const page = await browser.newPage({ viewport: { width, height: 500 }, deviceScaleFactor: 1.5 });
  await page.goto(url);
  await page.getByRole("textbox", { name: "Your name" }).fill(name);
  await page.getByRole("textbox", { name: "Message" }).focus();
  await shows(page, "#names li", name);
  return page;
};
const [, url = ""] = await server.waitFor(/Chat: (http:\S+)/);
const ada = await enter("Ada", 700);
const grace = await enter("Grace", 340);
await shows(ada, "#names li", "Grace");
await say(ada, "Is the engine running?");
await say(grace, "On Node, on Deno and on Bun.");
await say(ada, "Three programs?");
await say(grace, "One file, three commands.");

// Both side by side, as one picture.
const pictures = await Promise.all([ada, grace].map((page) => page.screenshot()));
const images = pictures.map((png) => `<img src="data:image/png;base64,${png.toString("base64")}">`);
const both = await browser.newPage({
  viewport: { width: 1100, height: 540 },
  deviceScaleFactor: 1.5,
});
await both.setContent(`<style>
  body { margin: 0; padding: 20px; display: flex; gap: 20px; background: #f6f8fa }
  img { height: 500px; border-radius: 8px; box-shadow: 0 1px 6px #0004 }
</style>${images.join("")}`);
await both.screenshot({ path: join(root, "docs/images/chat.png") });
await browser.close();
await server.stop();
