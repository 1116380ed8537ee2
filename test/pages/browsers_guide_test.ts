// The page, the command and the server of docs/guides/browsers.md, as they stand there, in Chromium.

import { assertEquals } from "@std/assert";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { unpack } from "../packaging/packed.ts";
import { run, tool, withFolder } from "../packaging/support.ts";
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
