// The chat in a terminal, beside those who have the page open: each line of input is said, and what
// the others say is printed. The same file runs on three runtimes:
//   node --import tsx examples/chat/terminal.ts --room lobby --name Ada

import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { connect } from "@sansocket/ws";

const { values: { url, room, name } } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:8002" },
    room: { type: "string", default: "lobby" },
    name: { type: "string", default: "Terminal" },
  },
});

const ws = await connect(new URL(`/rooms/${encodeURIComponent(room)}`, url)).catch((error) => {
  console.error(error.message);
  return process.exit(1);
});
ws.send(JSON.stringify({ type: "name", name }));

const input = createInterface({ input: process.stdin });
input.on("line", (text) => ws.send(JSON.stringify({ type: "text", text })));
input.on("close", () => ws.close()); // Ctrl+D

for await (const data of ws) {
  const message = JSON.parse(String(data));
  if (message.type === "you") console.log(`You are ${plain(message.name)}. Type a line and Enter.`);
  if (message.type === "text") console.log(`${plain(message.name)}: ${plain(message.text)}`);
  if (message.type === "error") console.error(message.text);
}
input.close();

/** Without control characters: a terminal obeys them, and the text comes from a stranger. */
function plain(text: string): string {
  return text.replace(/\n/g, " ").replace(/[\p{Cc}\p{Bidi_Control}]/gu, "");
}
