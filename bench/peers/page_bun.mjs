// Bun.serve with a page of 1 KiB.

import process from "node:process";
import { listening } from "./lifeline.mjs";

const text = "a".repeat(1024);
const page = () => new Response(text);
// deno-lint-ignore require-await -- An async function that never waits is what is measured.
const pageAsync = async () => new Response(text);

const fetch = process.argv.includes("--async") ? pageAsync : page;
const routes = process.argv.includes("--route") ? { "/": new Response(text) } : undefined;
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch, routes });
listening(server.port);
