// What the tests of test/client/platform have in common. There is one test for each file of the folder `websockets` of
// the web platform tests that can run outside a browser, in our own words. files.ts has the names of the files.

import type { WebSocketInstance, WebSocketStreamInstance } from "@sansocket/ws";
import { assertEquals, assertThrows } from "@std/assert";
import { test } from "../../support/test.ts";
import { echo, type Handler, openWhatwg, type WhatwgScene } from "../../support/whatwg.ts";
import { FILES, type Topic } from "./files.ts";

type Body = () => void | Promise<void>;

/** Registers one test for each file of a topic, and one that none is missing. */
export function platformTests(
  topic: Topic,
  bodies: Readonly<Record<string, Body>>,
  skips: Readonly<Record<string, string | false>> = {},
): void {
  for (const [file, body] of Object.entries(bodies)) {
    test(`Platform ${file}`, body, { skip: skips[file] });
  }
  test(`Platform tests of ${topic}: each file has one`, () => {
    assertEquals(Object.keys(bodies).sort(), [...FILES[topic]].sort());
  });
}

/** A body with a server, which is closed in the end. */
export function served(
  body: (scene: WhatwgScene) => void | Promise<void>,
  handler: Handler = echo,
  protocol?: string,
): Body {
  return async () => {
    const scene = await openWhatwg(handler, protocol);
    try {
      await body(scene);
    } finally {
      await scene.server.close({ timeout: 1 });
    }
  };
}

/** A body with a WebSocket that is open. */
export function opened(
  body: (ws: WebSocketInstance, scene: WhatwgScene) => void | Promise<void>,
  handler: Handler = echo,
): Body {
  return served(async (scene) => {
    const ws = new scene.WebSocket(scene.url);
    await next(ws, "open");
    await body(ws, scene);
  }, handler);
}

/** A body with a WebSocketStream that is open. */
export function streaming(
  body: (stream: WebSocketStreamInstance, scene: WhatwgScene) => void | Promise<void>,
  handler: Handler = echo,
): Body {
  return served(async (scene) => {
    const stream = new scene.WebSocketStream(scene.url);
    await stream.opened;
    await body(stream, scene);
  }, handler);
}

/** The next event of a type. */
export function next<Type extends "open" | "message" | "error" | "close">(
  ws: WebSocketInstance,
  type: Type,
): Promise<Parameters<NonNullable<WebSocketInstance[`on${Type}`]>>[0]> {
  return new Promise((resolve) =>
    ws.addEventListener(type, (event) => resolve(event), { once: true })
  );
}

/** The types of all events until the end, and how that was. */
export async function events(ws: WebSocketInstance): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const type of ["open", "message", "error"] as const) {
    ws.addEventListener(type, () => seen.push(type));
  }
  const { code, reason, wasClean } = await next(ws, "close");
  return [...seen, code, reason, wasClean];
}

/** Checks that a function throws a DOMException with this name. */
export function throwsDom(name: string, fn: () => unknown): void {
  assertEquals(assertThrows(fn, DOMException).name, name);
}

/** Runs a body in a program that has a location. */
export async function atLocation(href: string, body: () => Promise<void>): Promise<void> {
  const own = Object.getOwnPropertyDescriptor(globalThis, "location");
  Object.defineProperty(globalThis, "location", { value: { href }, configurable: true });
  try {
    await body();
  } finally {
    if (own === undefined) Reflect.deleteProperty(globalThis, "location");
    else Object.defineProperty(globalThis, "location", own);
  }
}
