// Our server with a function that looks at each request, as README's programs have it: fetch.mjs [--field|--async]

import process from "node:process";
import { serve } from "@sansocket/ws";
import { listening } from "../peers/lifeline.mjs";

const echo = { message: (ws, data) => ws.send(data) };

const field = process.argv.includes("--field");

function decide(request, { upgrade }) {
  if (field) request.headers.get("cookie");
  const { pathname } = new URL(request.url);
  if (pathname === "/") return upgrade(echo);
  return new Response("Not found", { status: 404 });
}

// deno-lint-ignore require-await -- An async function that never waits is what is measured.
async function decideAsync(request, context) {
  return decide(request, context);
}

const server = await serve({
  port: 0,
  hostname: "127.0.0.1",
  compression: false,
  fetch: process.argv.includes("--async") ? decideAsync : decide,
});
listening(server.port);
