// Our server with a page of 1 KiB: page.mjs [--async|--route]

import process from "node:process";
import { serve } from "@sansocket/ws";
import { listening } from "../peers/lifeline.mjs";

const text = "a".repeat(1024);
const page = () => new Response(text);
// deno-lint-ignore require-await -- An async function that never waits is what is measured.
const pageAsync = async () => new Response(text);

const answers = process.argv.includes("--route")
  ? { routes: { "/": new Response(text) } }
  : { fetch: process.argv.includes("--async") ? pageAsync : page };
const server = await serve({ port: 0, hostname: "127.0.0.1", ...answers });
listening(server.port);
