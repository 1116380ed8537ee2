// node:http with a page of 1 KiB.

import { createServer } from "node:http";
import { listening } from "./lifeline.mjs";

const text = "a".repeat(1024);
const server = createServer((_, response) => response.end(text));
server.listen(0, "127.0.0.1", () => listening(server.address().port));
