// What a page does with the client of the package, in each browser and from each bundler.

import {
  connect,
  ConnectionClosed,
  HandshakeError,
  receiveJson,
  reconnect,
  sendJson,
} from "@sansocket/ws";

const failure = (promise) => promise.then(() => undefined, (error) => error);

/** Does all of it, and notes in `results` what came of each step. */
export async function check(results) {
  const ws = await connect("/echo");
  results.open = [ws.state, ws.protocol, ws.ping === undefined];
  await ws.send("é");
  await ws.send(Uint8Array.of(1, 2));
  await ws.send(new Blob(["blob"]));
  await ws.send(Uint8Array.of(0xc3, 0xa9), { binary: false });
  results.echo = [
    await ws.receive(),
    [...await ws.receive()],
    new TextDecoder().decode(await ws.receive()),
    await ws.receive(),
  ];
  await sendJson(ws, { a: [1] });
  results.json = await receiveJson(ws);

  // It waits until the server has read all but what the system holds.
  await ws.send(new Uint8Array(1_000_000));
  results.large = [ws.bufferedAmount, (await ws.receive()).length];
  const own = await ws.close(1011, "own");
  results.closed = [own.code, own.wasClean, own.initiator, own.sent.code, ws.state];
  results.late = await failure(ws.send("late")) instanceof ConnectionClosed;

  const absolute = await connect(new URL("/protocol", location.href), { protocols: ["a", "b"] });
  results.protocol = absolute.protocol;
  const got = [];
  for await (const message of absolute) got.push(message);
  const { code, reason, wasClean, initiator, orderly } = await absolute.closed;
  results.iteration = [got, code, reason, wasClean, initiator, orderly];

  const refused = await failure(connect("/refused"));
  results.refused = [refused instanceof HandshakeError, refused.status, refused.message];
  // Firefox opens one connection to a host at a time, and at times goes on with an attempt that was
  // given up: these go to other hosts.
  const hang = (hostname) => `http://${hostname}:${location.port}/hang`;
  const late = await failure(connect(hang("localhost"), { handshakeTimeout: 50 }));
  results.timeout = [late instanceof HandshakeError, late.code];
  const controller = new AbortController();
  const aborted = failure(connect(hang("127.0.0.2"), { signal: controller.signal }));
  controller.abort("enough");
  results.aborted = await aborted;
  results.malformed = [(await failure(connect("ftp://a/"))).name];
  results.malformed.push((await failure(connect("/echo", { protocols: "a b" }))).name);
  results.headers = (await failure(connect("/echo", { headers: {} }))).name;

  const losing = await connect("/lost");
  await losing.send("now");
  const lost = await losing.closed;
  results.lost = [lost.code, lost.wasClean, lost.endedBy];
  const flooded = await (await connect("/flood", { maxUnreadAmount: 1_000 })).closed;
  results.flooded = [flooded.code, flooded.cause.message.includes("maxUnreadAmount")];
  const terminated = await connect("/echo");
  terminated.terminate();
  results.terminated = [terminated.state, (await terminated.closed).code];

  // The server cuts the first connection when it has read the first message.
  let lasting;
  await new Promise((resolve, reject) => {
    const onopen = (_ws, { wasConnected }) => void (wasConnected && resolve());
    reconnect("/flaky", { baseDelay: 1, onopen }).then((made) => {
      lasting = made;
      return made.send("first");
    }).catch(reject);
  });
  await lasting.send("again");
  results.reconnected = [
    await lasting.receive(),
    lasting.sent,
    lasting.unconfirmed,
    (await lasting.close()).code,
  ];
  return results;
}
