// Deno.serve with a page of 1 KiB.

import process from "node:process";
import { listening } from "./lifeline.mjs";

const text = "a".repeat(1024);
const page = () => new Response(text);
// deno-lint-ignore require-await -- An async function that never waits is what is measured.
const pageAsync = async () => new Response(text);

Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  handler: process.argv.includes("--async") ? pageAsync : page,
  onListen: ({ port }) => listening(port),
});
