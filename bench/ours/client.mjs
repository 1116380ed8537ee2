// Our client by connect(): client.mjs ours JOB

import { connect } from "@sansocket/ws";
import { drive } from "../peers/client_loop.mjs";

async function open(url, receive) {
  const ws = await connect(url, { compression: false });
  const read = async () => {
    for await (const data of ws) receive(data);
  };
  read();
  return { send: (data) => void ws.send(data), close: () => ws.close() };
}

await drive(open);
