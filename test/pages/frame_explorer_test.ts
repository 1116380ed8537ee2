// The frame explorer of docs/learn/protocol.md in Chromium, with the core of the library in it.

import { assert, assertEquals } from "@std/assert";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { blocksOf } from "../support/code_blocks.ts";
import { test } from "../support/test.ts";
import { keepPicture, launch, openPage, shows, skip, violations, withSite } from "./browser.ts";

test(
  "the frame explorer shows the fields of octets, and what is wrong with them",
  () =>
    withSite(async (browser, site, errors) => {
      const url = new URL("/learn/protocol.html", site).href;
      const page = await openPage(browser, url, errors);
      const field = (name: string) =>
        page.locator(".frame-explorer tr").filter({ hasText: new RegExp(`^${name}`) }).first();
      const verdict = ".frame-explorer .verdict";
      const octets = page.getByLabel("Octets in hexadecimal");
      await shows(page, verdict, "7 octets, 1 frame, nothing wrong");

      await octets.fill("818537fa213d7f9f4d5158");
      await shows(page, verdict, "masked-frame");
      await shows(page, verdict, "“Masked frame from a server”");
      const row = await page.locator(`${verdict} a`).getAttribute("href");
      assertEquals(row, "/reference/errors.html#violation-masked-frame");
      await page.getByRole("radio", { name: "a client" }).check();
      await shows(page, verdict, "11 octets, 1 frame, nothing wrong");
      assertEquals(
        (await field("Masking key").innerText()).split(/\s*\t\s*/),
        ["Masking key", "00110111 11111010 00100001 00111101", "37 fa 21 3d"],
      );
      assertEquals(
        (await field("Opcode").innerText()).split(/\s*\t\s*/),
        ["Opcode", "0001", "1: Text"],
      );
      await shows(page, ".frame-explorer dd", '"Hello"');

      // The address has the octets: another visitor sees the same.
      assertEquals(new URL(page.url()).hash, "#frame=c-818537fa213d7f9f4d5158");
      const other = await openPage(browser, page.url(), errors, { dark: true });
      await shows(other, verdict, "11 octets, 1 frame, nothing wrong");
      assertEquals(await violations(other), []);

      await page.getByLabel("Example").selectOption("Wrong: Close 1006");
      await shows(page, verdict, "invalid-close-frame");
      await shows(page, verdict, "Close frame with code 1006, which must not be sent");
      assertEquals(await violations(page), []);
      await page.getByLabel("Example").selectOption('Text "Hello", compressed (RSV1)');
      await shows(page, ".frame-explorer caption", "Text, compressed");
      await page.getByLabel("compression was agreed on").uncheck();
      await shows(page, verdict, "reserved-bits");

      // By the keyboard alone.
      await page.getByRole("textbox", { name: "Text", exact: true }).focus();
      await page.keyboard.press("Control+A");
      await page.keyboard.type("\u00e4");
      await page.keyboard.press("Enter");
      assertEquals(await octets.inputValue(), "81 02 c3 a4");
      // An address that the page would not take is not shown.
      await octets.fill("8900".repeat(1_000));
      await shows(page, verdict, "2000 octets, 200 frames. 1,600 octets behind them are not read.");
      assertEquals(new URL(page.url()).hash, "");
      await octets.fill("81 0");
      await shows(page, verdict, "Expected two digits for each octet");
      await octets.fill("81 05 48");
      await shows(page, verdict, "4 octets of the payload have not come");

      for (const dark of [false, true]) {
        const narrow = await openPage(browser, url, errors, { phone: true, dark });
        await narrow.setViewportSize({ width: 320, height: 640 });
        await narrow.getByLabel("Octets in hexadecimal").fill(
          "81 ff 00 00 00 00 00 01 00 00 37 fa 21 3d",
        );
        await shows(narrow, ".frame-explorer caption", "Header 81 ff");
        const explorer = narrow.locator(".frame-explorer");
        await keepPicture(explorer, `frame-explorer-${dark ? "dark" : "light"}`);
        const width = await explorer.evaluate((element) =>
          element.scrollWidth - element.clientWidth
        );
        assertEquals(width, 0);
        const { x = 0, width: own = 0 } = await explorer.boundingBox() ?? {};
        assert(x >= 0 && x + own <= 320, `${x} to ${x + own}`);
      }
      await keepPicture(page.locator(".frame-explorer"), "frame-explorer");
    }),
  { skip, timeout: 180_000 },
);

test("docs/learn/protocol.md has the fields that Chromium sends, in their order", async () => {
  const [request] = blocksOf("docs/learn/protocol.md", "http");
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: user=ada\r\n\r\n";
  const sockets = new Set<Socket>();
  let server: ReturnType<typeof createServer> | undefined;
  const browser = await launch();
  try {
    const heads = new Promise<string>((resolve) => {
      server = createServer((socket) => {
        sockets.add(socket);
        socket.on("error", () => {}).on("data", (data) => {
          const head = String(data);
          if (head.startsWith("GET /chat ")) resolve(head);
          else socket.write(answer);
        });
      });
    });
    await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
    const { port } = server!.address() as AddressInfo;
    const page = await openPage(browser, `http://127.0.0.1:${port}/`, []);
    await page.evaluate((port) => void new WebSocket(`ws://127.0.0.1:${port}/chat`), port);
    const lines = (await heads).trim().split("\r\n")
      .filter((line) => !/^(?:User-Agent|Accept-Encoding|Accept-Language): /.test(line))
      .map((line) => line.replace(`${port}`, "8002"));
    const withoutKey = (line: string) => line.replace(/(?<=^Sec-WebSocket-Key: ).*/, "");
    assertEquals(lines.map(withoutKey), request?.code.trim().split("\n").map(withoutKey));
  } finally {
    await browser.close();
    for (const socket of sockets) socket.destroy();
    server?.close();
  }
}, { skip });
