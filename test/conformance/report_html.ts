// The report as one HTML file that needs nothing else: data, style and script are inside of it.

import { readFileSync } from "node:fs";
import type { Report } from "./report.ts";

/** The page for a run. */
export function formatHtml(report: Report): string {
  const page = readFileSync(new URL("report.html", import.meta.url), "utf8");
  // In a script element only "<" could end the data.
  const data = JSON.stringify(report).replaceAll("<", "\\u003c");
  return page.replace("{/* report */}", () => data);
}
