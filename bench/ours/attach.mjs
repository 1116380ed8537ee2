// Our connections on a server of node:http that somebody else has made.

import { createServer } from "node:http";
import { attach } from "@sansocket/ws/node";
import { listening } from "../peers/lifeline.mjs";

const server = createServer((_, response) => response.end("a page"));
attach(server, { compression: false, websocket: { message: (ws, data) => ws.send(data) } });
server.listen(0, "127.0.0.1", () => listening(server.address().port));
