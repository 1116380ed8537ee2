import { assertEquals, assertRejects } from "@std/assert";
import type { WebSocketConnection } from "@sansocket/ws";
import {
  AssertionError,
  createClock,
  createNetwork,
  expectMessage,
  type Network,
  readRecording,
  record,
  type Recording,
  replay,
} from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

/** Records a client that uses a server. */
async function recordClient(
  network: Network,
  url: string,
  use: (ws: WebSocketConnection) => Promise<unknown>,
): Promise<Recording> {
  const lines: string[] = [];
  const trace = record((line) => lines.push(line));
  const ws = await network.connect(url, { trace, protocols: ["chat"] });
  await use(ws);
  await ws.closed;
  return readRecording(lines.join("\n"));
}

/** A server that answers each message by `reply`. */
function answering(network: Network, reply: (data: string) => string) {
  return network.serve({
    port: 0,
    fetch: (_, { upgrade }) =>
      upgrade({ message: (ws, data) => ws.send(reply(String(data))) }, { protocol: "chat" }),
  });
}

/** A recording of two questions and their answers. */
async function recordEcho(): Promise<Recording> {
  const network = createNetwork();
  const server = await answering(network, (data) => `echo ${data}`);
  const recording = await recordClient(network, `${server.url}room`, async (ws) => {
    await ws.ping();
    for (const text of ["one", "two"]) {
      await ws.send(text);
      await ws.receive();
    }
    await ws.close(4000, "done");
  });
  await server.close();
  return recording;
}

test("replay plays the client's side, and finds that the server answers the same", async () => {
  const recording = await recordEcho();
  const network = createNetwork();
  const server = await answering(network, (data) => `echo ${data}`);
  await replay(network, recording, { side: "client", url: server.url });
  assertEquals(server.stats().messagesReceived, 2);
  await server.close();
});

test("replay reports the first difference, with its line", async () => {
  const recording = await recordEcho();
  const network = createNetwork();
  const server = await answering(network, (data) => data === "two" ? "echo 2" : `echo ${data}`);
  const error = await assertRejects(
    () => replay(network, recording, { side: "client", url: server.url }),
    AssertionError,
  );
  const line = recording.frames.filter(({ dir, opcode }) => dir === "in" && opcode === 1)[1]?.line;
  assertEquals(
    error.message,
    `Line ${line} of the recording: expected < TEXT "echo two" [8 octets], ` +
      'got < TEXT "echo 2" [6 octets]; they differ from octet 5 on: expected 0x74, got 0x32',
  );
  await server.close();
});

test("replay plays the server's side for a client", async () => {
  const recording = await recordEcho();
  const network = createNetwork();
  const url = "ws://127.0.0.1:5/";
  const replayed = replay(network, recording, { side: "server", url });
  const ws = await network.connect(`${url}room`, { protocols: ["chat"] });
  assertEquals(ws.protocol, "chat");
  await ws.send("one");
  await expectMessage(ws, "echo one");
  await ws.send("two");
  await expectMessage(ws, "echo two");
  await ws.close(4000, "done");
  await replayed;

  const other = assertRejects(
    () => replay(network, recording, { side: "server", url }),
    AssertionError,
    'expected < TEXT "one" [3 octets], got < CLOSE 1000 [2 octets]',
  );
  const early = await network.connect(`${url}room`, { protocols: ["chat"] });
  early.close();
  await other;

  const elsewhere = assertRejects(
    () => replay(network, recording, { side: "server", url }),
    AssertionError,
    "Line 1 of the recording: expected the request GET /room, got GET /",
  );
  const lost = await network.connect(url, { protocols: ["chat"] });
  await elsewhere;
  lost.terminate();
});

test("replay keeps the pace of the recording by the clock of the network", async () => {
  const clock = createClock();
  const one = createNetwork({ clock });
  const first = await answering(one, (data) => data);
  const recording = await Promise.all([
    recordClient(one, first.url, async (ws) => {
      await clock.sleep(3_000);
      await ws.send("late");
      await ws.receive();
      await ws.close();
    }),
    clock.advance(3_000),
  ]).then(([recording]) => recording);
  assertEquals(recording.frames[0]?.t, 3_000);

  const paced = createClock();
  const network = createNetwork({ clock: paced });
  const times: number[] = [];
  const server = await answering(network, (data) => {
    times.push(paced.now);
    return data;
  });
  const replayed = replay(network, recording, {
    side: "client",
    url: server.url,
    pace: "recorded",
  });
  await paced.advance(2_999);
  assertEquals(times, []);
  await paced.advance(1);
  await replayed;
  assertEquals(times, [3_000]);
  await replay(network, recording, { side: "client", url: server.url });
  assertEquals(times, [3_000, 3_000]);
});

test("replay answers Pings, and compares neither those nor Pongs", async () => {
  const recording = await recordEcho();
  const network = createNetwork();
  const trips: number[] = [];
  const server = await network.serve({
    port: 0,
    fetch: (_, { upgrade }) =>
      upgrade({
        message: async (ws, data) => {
          trips.push(await ws.ping());
          await ws.send(`echo ${data}`);
        },
      }, { protocol: "chat" }),
  });
  await replay(network, recording, { side: "client", url: server.url });
  assertEquals(trips.length, 2);
  await server.close();
});

test("replay compares messages, however they are divided", async () => {
  const recording = await recordEcho();
  const network = createNetwork();
  const server = await network.serve({
    port: 0,
    fetch: (_, { upgrade }) =>
      upgrade({ message: (ws, data) => ws.send(["echo ", String(data)]) }, { protocol: "chat" }),
  });
  await replay(network, recording, { side: "client", url: server.url });
  await server.close();
});

test("replay compares the handshake", async () => {
  const recording = await recordEcho();
  const network = createNetwork();
  const server = await network.serve({ port: 0, websocket: {} });
  await assertRejects(
    () => replay(network, recording, { side: "client", url: server.url }),
    AssertionError,
    "Line 1 of the recording: expected the subprotocol chat, got none",
  );
  await server.close();
  const closed = await network.serve({ port: 0, fetch: () => new Response("no", { status: 403 }) });
  await assertRejects(
    () => replay(network, recording, { side: "client", url: closed.url }),
    AssertionError,
    'Line 1 of the recording: expected a valid answer, got "HTTP/1.1 403 ',
  );
  await closed.close();
});

test("replay of a refusal compares the status, and refuses a client", async () => {
  const network = createNetwork();
  const server = await network.serve({ port: 0, fetch: () => new Response("no", { status: 403 }) });
  const lines: string[] = [];
  const trace = record((line) => lines.push(line));
  await network.connect(server.url, { trace }).catch(() => {});
  const recording = readRecording(lines.join("\n"));
  await replay(network, recording, { side: "client", url: server.url });
  const open = await network.serve({ port: 0, websocket: {} });
  await assertRejects(
    () => replay(network, recording, { side: "client", url: open.url }),
    AssertionError,
    "Line 1 of the recording: expected the status 403, got 101",
  );
  const url = "ws://127.0.0.1:6/";
  const replayed = replay(network, recording, { side: "server", url });
  await assertRejects(() => network.connect(url), Error, "403");
  await replayed;
  await open.close();
  await server.close();
});

test("replay says what comes behind the recording, and what does not come", async () => {
  const recording = await recordEcho();
  const clock = createClock();
  const network = createNetwork({ clock });
  const silent = await network.serve({
    port: 0,
    fetch: (_, { upgrade }) => upgrade({ message: () => {} }, { protocol: "chat" }),
  });
  const replayed = assertRejects(
    () => replay(network, recording, { side: "client", url: silent.url, timeout: 50 }),
    AssertionError,
    'expected < TEXT "echo one" [8 octets], got nothing within 50 ms',
  );
  await clock.advance(50);
  await replayed;
});

test("replay refuses what it cannot play", async () => {
  const network = createNetwork();
  const url = "ws://127.0.0.1:7/";
  const frame = {
    t: 0,
    dir: "out",
    opcode: 1,
    fin: true,
    rsv1: false,
    payload: "a",
    size: 2,
    wire: 2,
    cut: true,
  };
  const cut = readRecording(
    `{"recording":1,"side":"client","time":0}\n${JSON.stringify(frame)}`,
  );
  await assertRejects(
    () => replay(network, cut, { side: "client", url }),
    Error,
    "Line 2 of the recording: expected the whole payload, got 1 of 2 octets",
  );
  const unknown = readRecording('{"recording":1,"time":0}');
  await assertRejects(
    () => replay(network, unknown, { side: "client", url }),
    TypeError,
    "give record() the option side",
  );
  await assertRejects(
    () => replay(network, cut, { side: "left" as "client", url }),
    TypeError,
    '"client" or "server"',
  );
  await assertRejects(() => replay(network, cut, {} as never), TypeError, "side and url");
});

test("replay of a recording without a handshake connects to the URL", async () => {
  const network = createNetwork();
  const server = await network.serve({
    port: 0,
    websocket: { message: (ws, data) => ws.close(4001, String(data)) },
  });
  const recording = readRecording(
    `{"recording":1,"side":"server","time":0}
{"t":5,"dir":"in","opcode":1,"fin":true,"rsv1":false,"payload":"hi","size":2,"wire":2}
{"t":6,"dir":"out","opcode":8,"fin":true,"rsv1":false,"base64":"D6FoaQ==","size":4,"wire":4}
{"t":7,"dir":"in","opcode":8,"fin":true,"rsv1":false,"base64":"D6FoaQ==","size":4,"wire":4}`,
  );
  await replay(network, recording, { side: "client", url: server.url, pace: "recorded" });
  await server.close();
});

/** A client's recording with these frames behind the handshake. */
function recordingOf(...frames: object[]): Recording {
  const lines = frames.map((frame) =>
    JSON.stringify({ t: 0, opcode: 1, fin: true, rsv1: false, size: 1, wire: 1, ...frame })
  );
  return readRecording(['{"recording":1,"side":"client","time":0}', ...lines].join("\n"));
}

test("replay answers the heartbeat of the program until the next frame is due", async () => {
  const recording = recordingOf({ t: 120_000, dir: "out", payload: "a" });
  const clock = createClock();
  const network = createNetwork({ clock });
  const came: string[] = [];
  const server = await network.serve({
    port: 0,
    heartbeat: { interval: 10_000, timeout: 5_000 },
    websocket: { message: (_, data) => void came.push(`${data} at ${clock.now}`) },
  });
  const recorded = readRecording(
    `{"recording":1,"side":"client","time":0,"request":"GET / HTTP/1.1","response":"HTTP/1.1 101 "}
${JSON.stringify({ ...recording.frames[0], payload: "a" })}`,
  );
  const replayed = replay(network, recorded, {
    side: "client",
    url: server.url,
    pace: "recorded",
  });
  await clock.advance(120_000);
  await replayed;
  await clock.advance(0);
  assertEquals(came, ["a at 120000"]);
});

test("replay finds a message behind the recording, and an end in place of one", async () => {
  const close = { opcode: 8, base64: "D6E=", size: 2, wire: 2 };
  const both = recordingOf({ dir: "out", ...close }, { dir: "in", ...close });
  const network = createNetwork();
  const url = "ws://127.0.0.1:9/";
  const replayed = assertRejects(
    () => replay(network, both, { side: "server", url }),
    AssertionError,
    "Line 2 of the recording: expected < CLOSE 4001 [2 octets], got the end of the stream",
  );
  const peer = await network.raw(url);
  peer.end();
  await replayed;
  const more = assertRejects(
    () => replay(network, both, { side: "server", url }),
    AssertionError,
    'Line 4 of the recording: expected the end of the stream, got < TEXT "more" [4 octets]',
  );
  const second = await network.raw(url);
  second.sendFrame({ opcode: 8, payload: new Uint8Array([0x0f, 0xa1]) });
  second.sendFrame({ payload: "more" });
  await more;
});

test("replay takes a program that sends faster than it is compared", async () => {
  const frames = Array.from({ length: 300 }, () => ({ dir: "in", payload: "a" }));
  const recording = recordingOf({ dir: "in", payload: "a", t: 0 }, ...frames);
  const network = createNetwork();
  const server = await network.serve({
    port: 0,
    websocket: {
      open(ws) {
        for (let i = 0; i < 301; i++) ws.send("a");
      },
    },
  });
  await replay(network, recording, { side: "client", url: server.url });
  await server.close();
});
