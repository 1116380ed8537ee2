// The page, the command, the server and the components of docs/guides/browsers.md, as they stand
// there, in Chromium.

import { assertEquals } from "@std/assert";
import { serve } from "@sansocket/ws";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import jsr from "../../jsr.json" with { type: "json" };
import { unpack } from "../packaging/packed.ts";
import { root, run, tool, withFolder } from "../packaging/support.ts";
import { takeBlocks } from "../support/code_blocks.ts";
import { start } from "../support/process.ts";
import { test } from "../support/test.ts";
import { launch, openPage, shows, skip } from "./browser.ts";

test("the page of the guide on browsers is bundled, served and connected", async () => {
  const [program = ""] = takeBlocks("docs/guides/browsers.md", "js page");
  const [html = ""] = takeBlocks("docs/guides/browsers.md", "html");
  const [command = ""] = takeBlocks("docs/guides/browsers.md", "sh page");
  const [code = ""] = takeBlocks("docs/guides/browsers.md", "ts server");
  await withFolder(async (folder) => {
    await unpack(folder);
    await mkdir(join(folder, "public"));
    await writeFile(join(folder, "page.js"), program);
    await writeFile(join(folder, "public/index.html"), html);
    const server = code.replace("8001", "0").replaceAll(`"public/`, `"${folder}/public/`);
    await writeFile(join(folder, "server.mts"), server);
    const [npx, name, ...args] = command.trim().split(" ");
    assertEquals([npx, name], ["npx", "esbuild"]);
    await run(tool("esbuild"), args, { cwd: folder });

    const child = start("node", join(folder, "server.mts"));
    const browser = await launch();
    try {
      const [url] = await child.waitFor(/http:\S+/);
      const page = await openPage(browser, url, []);
      await shows(page, "body", "You said hello");
      assertEquals(await page.title(), "Connected");
    } finally {
      await browser.close();
      await child.stop("SIGKILL");
    }
  });
}, { skip, timeout: 120_000 });

// Preact stands for React, whose hooks it has.
const frameworks = ["preact", "vue"].map((name) => join(root, "node_modules", name));

test("the components of the guide on browsers show what the server says", async () => {
  const [store = ""] = takeBlocks("docs/guides/browsers.md", "js store");
  const [component = ""] = takeBlocks("docs/guides/browsers.md", "jsx react");
  const [composable = ""] = takeBlocks("docs/guides/browsers.md", "js vue");
  await withFolder(async (folder) => {
    await writeFile(join(folder, "messages.js"), store);
    await writeFile(join(folder, "Messages.jsx"), component);
    await writeFile(join(folder, "useMessages.js"), composable);
    const program = `
      import { createElement, render } from "preact/compat";
      import { createApp, h } from "vue";
      import { Messages } from "./Messages.jsx";
      import { useMessages } from "./useMessages.js";
      render(createElement(Messages), document.querySelector("#react"));
      createApp({
        setup() {
          const messages = useMessages();
          return () => h("ol", messages.value.map((message) => h("li", message)));
        },
      }).mount("#vue");`;
    await writeFile(join(folder, "page.js"), program);
    const [preact, vue] = frameworks;
    const args = [`--alias:react/jsx-runtime=${preact}/jsx-runtime`]
      .concat(`--alias:react=${preact}/compat`, `--alias:preact=${preact}`, `--alias:vue=${vue}`)
      .concat(`--alias:@sansocket/ws=${join(root, jsr.exports["./browser"])}`)
      .concat("--bundle", "--format=esm", "--jsx=automatic", "--outfile=bundle.js");
    await run(tool("esbuild"), ["page.js", ...args], { cwd: folder });

    const html =
      '<!doctype html><link rel="icon" href="data:,"><div id="react"></div><div id="vue"></div>' +
      '<script type="module" src="/bundle.js"></script>';
    const types = (type: string) => ({ headers: { "content-type": type } });
    await using server = await serve({
      port: 0,
      routes: {
        "/": new Response(html, types("text/html")),
        "/bundle.js": new Response(
          await readFile(join(folder, "bundle.js"), "utf8"),
          types("text/javascript"),
        ),
        "/chat": { websocket: { message: (ws, data) => ws.send(`You said ${data}`) } },
      },
    });
    const browser = await launch();
    try {
      const errors: string[] = [];
      const page = await openPage(browser, server.url, errors);
      await page.getByRole("button", { name: "Say hello" }).click();
      await shows(page, "#react li", "You said hello");
      await shows(page, "#vue li", "You said hello");
      await page.getByRole("button", { name: "Say hello" }).click();
      await page.locator("#vue li").nth(1).waitFor();
      assertEquals(await page.locator("#react li").count(), 2);
      assertEquals(errors, []);
    } finally {
      await browser.close();
    }
  });
}, { skip, timeout: 120_000 });
