// @hono/node-server with a page of 1 KiB. It may not replace the global Request and Response, as ours does not.

import process from "node:process";
import { serve } from "@hono/node-server";
import { listening } from "./lifeline.mjs";

const text = "a".repeat(1024);
const page = () => new Response(text);
// deno-lint-ignore require-await -- An async function that never waits is what is measured.
const pageAsync = async () => new Response(text);

const fetch = process.argv.includes("--async") ? pageAsync : page;
const options = { port: 0, hostname: "127.0.0.1", fetch, overrideGlobalObjects: false };
serve(options, ({ port }) => listening(port));
