import { HandshakeError, type WebSocketConnection } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { options } from "./routes.ts";
import { logIn } from "./session.ts";
import { leave } from "./topics.ts";

const network = createNetwork();
const server = await network.serve(options);
const enter = (cookie: string) =>
  network.connect(new URL("/rooms/tea", server.url), { headers: { cookie } });

async function cookieOf(name: string): Promise<string> {
  const body = new URLSearchParams({ name });
  const response = await logIn(new Request("http://chat/login", { method: "POST", body }));
  return response.headers.get("set-cookie")?.split(";")[0] ?? "";
}

/** Waits for a message with this in it. */
async function hear(ws: WebSocketConnection<undefined>, part: string): Promise<string> {
  for (;;) {
    const message = String(await ws.receive());
    if (message.includes(part)) return message;
  }
}

const [ada, grace] = [await enter(await cookieOf("Ada")), await enter(await cookieOf("Grace"))];
console.log(await hear(ada, "Grace")); // {"people":["Ada","Grace"]}
await grace.send("Is there tea?");
const { name, text } = JSON.parse(await hear(ada, "tea"));
console.log(`${name}: ${text}`); // Grace: Is there tea?

const refused = await enter(`user=Ada.${"a".repeat(43)}`).catch((error) => error);
console.log(refused instanceof HandshakeError && refused.status); // 401

await server.close();
await leave();
