// The consumer without a server and without a port: both ends are in memory.

import { receiveJson, sendJson } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { consumer } from "./consumer.ts";

const network = createNetwork();
const server = await network.serve({ routes: { "/ws/chat/:room": { websocket: consumer } } });
const open = (room: string) => network.connect(new URL(`/ws/chat/${room}`, server.url));

const ann = await open("lobby");
await sendJson(ann, { text: "anyone?" });
console.log(JSON.stringify(await receiveJson(ann))); // {"event":"said","text":"anyone?"}
const bob = await open("lobby");
console.log(JSON.stringify(await receiveJson(ann))); // {"event":"joined"}
await bob.close();
console.log(JSON.stringify(await receiveJson(ann))); // {"event":"left"}
await server.close();
