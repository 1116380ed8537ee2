// As with Tornado: pages from a template, a form, static files, and a socket that tells all.

import { htmlFile, readForm, serve, serveFiles } from "@sansocket/ws";
import process from "node:process";

const index = htmlFile(new URL("index.html", import.meta.url));

const server = await serve({
  port: Number(process.argv[2] ?? 8002),
  routes: {
    "/index": {
      GET: () => index.respond({ name: "stranger" }),
      POST: async (request) =>
        index.respond({ name: (await readForm(request)).get("name", "stranger") }),
    },
    "/static/*": serveFiles(new URL("static/", import.meta.url)),
    "/message": {
      websocket: {
        open: (ws) => ws.subscribe("/message"),
        message(_ws, data) {
          server.publish("/message", data);
        },
      },
    },
  },
});
console.log(`Listening on ${server.url}`);
