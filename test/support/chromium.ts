// Debian's Chromium, or what else of it is installed: where it is, and what keeps it quiet.

import { findExecutable } from "./process.ts";

/** The path of the browser; undefined where it is not installed. */
export const chromiumPath: string | undefined = findExecutable([
  "chromium",
  "chromium-browser",
  "google-chrome",
]);

/** It runs as root, without a screen, and asks nothing of the network by itself. */
export const chromiumArgs: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
