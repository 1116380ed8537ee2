// Browsers that are driven over a WebSocket, and it is our connect() that does it.
//
// Chromium speaks the DevTools protocol there and Firefox WebDriver BiDi; both are JSON, with an id
// on each command and the same on its answer. All that is asked of either is to evaluate a script.

import { connect, serve } from "@sansocket/ws";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromiumArgs, chromiumPath } from "../../support/chromium.ts";
import { findExecutable, run } from "../../support/process.ts";

/** A page in a running browser. */
export interface Page {
  /** Evaluates a script; the result is what its promise resolves to, which must be a string. */
  evaluate(script: string): Promise<string>;
  /** Ends the browser. */
  stop(): Promise<void>;
}

/** A browser that can be started. */
export interface Browser {
  /** Its name in the tests' names. */
  readonly name: string;
  /** Where it is installed, if it is. */
  readonly executable: string | undefined;
  /** Its command line, to be driven, with all its files in a folder. */
  args(folder: string): string[];
  /** Files that the folder has to hold before, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** What it prints when it listens, with the URL to connect to in group 1. */
  readonly listening: RegExp;
  /** What is to be added to that URL. */
  readonly path: string;
  /** Opens a page; the result evaluates a script in it. */
  open(session: Session, url: string): Promise<Page["evaluate"]>;
}

/** The connection that drives a browser. */
interface Session {
  /** Sends a command and waits for its result. */
  call<Result>(method: string, params: object, sessionId?: string): Promise<Result>;
  /** Waits for the next event of a name. */
  event(method: string): Promise<void>;
  /** Ends the connection. */
  end(): Promise<void>;
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** How long a browser may take for all that it is asked to do; then it is killed. */
const LIFETIME = 100_000;

/** Chromium, driven over the DevTools protocol. */
export const chromium: Browser = {
  name: "Chromium",
  executable: chromiumPath,
  args: (folder) => [
    "--headless",
    ...chromiumArgs,
    "--remote-debugging-port=0",
    `--user-data-dir=${folder}`,
    "about:blank",
  ],
  listening: /^DevTools listening on (ws:\S+)/m,
  path: "",
  async open({ call, event }, url) {
    const blank = { url: "about:blank" };
    const { targetId } = await call<{ targetId: string }>("Target.createTarget", blank);
    const attach = { targetId, flatten: true };
    const { sessionId } = await call<{ sessionId: string }>("Target.attachToTarget", attach);
    await call("Page.enable", {}, sessionId);
    const loaded = event("Page.loadEventFired");
    await call("Page.navigate", { url }, sessionId);
    await loaded;
    return async (expression) => {
      const { result, exceptionDetails } = await call<
        { result: { value: string }; exceptionDetails?: unknown }
      >("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, sessionId);
      if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    };
  },
};

/** Without its own add-ons Firefox starts a quarter faster, and without these services it asks for no network. */
const preferences: Readonly<Record<string, boolean | number | string>> = {
  "app.normandy.enabled": false,
  "extensions.enabledScopes": 0,
  "extensions.webextensions.remote": false,
  "messaging-system.rsexperimentloader.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  // It waits before it connects to a server again where a connection has failed, longer each time.
  "network.websocket.delay-failed-reconnects": false,
  "services.settings.server": "data:,#no-remote-settings/v1",
};

/** Firefox, driven over WebDriver BiDi. */
export const firefox: Browser = {
  name: "Firefox",
  executable: findExecutable(["firefox-esr", "firefox"]),
  args: (folder) => [
    "--headless",
    "--no-remote",
    "--remote-debugging-port=0",
    "--profile",
    folder,
  ],
  files: {
    "user.js": Object.entries(preferences)
      .map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`)
      .join(""),
  },
  listening: /^WebDriver BiDi listening on (ws:\S+)/m,
  path: "/session",
  async open({ call }, url) {
    await call("session.new", { capabilities: {} });
    const { context } = await call<{ context: string }>("browsingContext.create", { type: "tab" });
    await call("browsingContext.navigate", { context, url, wait: "complete" });
    return async (expression) => {
      const { result, exceptionDetails } = await call<
        { result: { value: string }; exceptionDetails?: unknown }
      >("script.evaluate", { expression, target: { context }, awaitPromise: true });
      if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    };
  },
};

/**
 * Starts a browser with one blank page, which comes from a server on loopback: a page from nowhere
 * has the origin "null", and that is refused.
 *
 * @param browser Which one.
 * @param script Run in the page before all else.
 * @param at The page to open in place of the blank one.
 * @returns The page.
 */
export async function startBrowser(browser: Browser, script: string, at?: string): Promise<Page> {
  const folder = await mkdtemp(join(tmpdir(), "sansocket-browser-"));
  for (const [name, text] of Object.entries(browser.files ?? {})) {
    await writeFile(join(folder, name), text);
  }
  const headers = { "content-type": "text/html" };
  const pages = await serve({
    port: 0,
    fetch: () => new Response("<!doctype html><title>Page</title>", { headers }),
  });
  const child = run([browser.executable ?? "", ...browser.args(folder)]);
  const timer = setTimeout(() => child.stop("SIGKILL"), LIFETIME);
  const stop = async () => {
    clearTimeout(timer);
    await child.stop();
    await pages.close();
    // The browser's helpers may write for a moment longer than it lives.
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const [, url] = await child.waitFor(browser.listening);
    const session = await startSession(`${url}${browser.path}`);
    const page = {
      evaluate: await browser.open(session, at ?? pages.url),
      async stop() {
        await session.end();
        await stop();
      },
    };
    await page.evaluate(script);
    return page;
  } catch (cause) {
    await stop();
    throw new Error(`${browser.name} said: ${child.output()}`, { cause });
  }
}

async function startSession(url: string): Promise<Session> {
  const ws = await connect(url, { maxMessageSize: 1 << 26, maxBufferedAmount: 1 << 28 });
  const waiting = new Map<number | string, (answer: Answer) => void>();
  const wait = <Result>(what: number | string) =>
    new Promise<Result>((resolve, reject) => {
      waiting.set(what, ({ result, error }) => {
        waiting.delete(what);
        if (error === undefined) resolve(result as Result);
        else reject(new Error(JSON.stringify(error)));
      });
    });
  const listen = async () => {
    for await (const message of ws) {
      const answer = JSON.parse(String(message)) as Answer;
      waiting.get(answer.id ?? answer.method ?? "")?.(answer);
    }
  };
  const ended = listen().catch(() => {}).then(() => {
    for (const answer of waiting.values()) answer({ error: "The browser has ended" });
  });
  let id = 0;
  return {
    call(method, params, sessionId) {
      ws.send(JSON.stringify({ id: ++id, method, params, ...(sessionId && { sessionId }) }));
      return wait(id);
    },
    event: (method) => wait(method),
    async end() {
      ws.terminate();
      await ended;
    },
  };
}
