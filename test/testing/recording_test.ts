import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { decodeHex } from "@std/encoding";
import { connect, serve } from "@sansocket/ws";
import { createClock, createNetwork, pair, readRecording, record } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

const first = '{"recording":1,"side":"client","time":0}\n';

/** A line of a frame, with changes. */
function frame(changes: object = {}): string {
  const whole = {
    t: 1,
    dir: "in",
    opcode: 1,
    fin: true,
    rsv1: false,
    payload: "a",
    size: 1,
    wire: 1,
  };
  return JSON.stringify({ ...whole, ...changes });
}

test("record writes the handshake, then each frame", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const lines: string[] = [];
  const ids = new Set<string>();
  const trace = record((line, id) => {
    lines.push(line);
    ids.add(id);
  });
  const ws = await network.connect(`${server.url}room?x=1`, {
    trace,
    headers: { authorization: "Bearer secret", "x-one": "1" },
  });
  await clock.advance(20);
  await ws.send("hé");
  assertEquals(await ws.receive(), "hé");
  await ws.send(decodeHex("00ff"));
  await ws.receive();
  await ws.close(4000, "bye");
  assertEquals(ids, new Set([ws.id]));
  const { recording, side, time, request, response } = JSON.parse(lines[0]!);
  assertEquals([recording, side, time], [1, "client", 0]);
  assertStringIncludes(request, "GET /room?x=1 HTTP/1.1\r\n");
  assertStringIncludes(request, "authorization: …");
  assertStringIncludes(response, "HTTP/1.1 101 Switching Protocols\r\n");
  assertEquals(lines.slice(1), [
    '{"t":20,"dir":"out","opcode":1,"fin":true,"rsv1":false,"payload":"hé","size":3,"wire":3}',
    '{"t":20,"dir":"in","opcode":1,"fin":true,"rsv1":false,"payload":"hé","size":3,"wire":3}',
    '{"t":20,"dir":"out","opcode":2,"fin":true,"rsv1":false,"base64":"AP8=","size":2,"wire":2}',
    '{"t":20,"dir":"in","opcode":2,"fin":true,"rsv1":false,"base64":"AP8=","size":2,"wire":2}',
    '{"t":20,"dir":"out","opcode":8,"fin":true,"rsv1":false,"base64":"D6BieWU=","size":5,"wire":5}',
    '{"t":20,"dir":"in","opcode":8,"fin":true,"rsv1":false,"base64":"D6A=","size":2,"wire":2}',
  ]);
  const read = readRecording(lines.join("\n") + "\n");
  assertEquals([read.side, read.time, read.request], ["client", 0, request]);
  assertEquals(read.frames.map(({ line }) => line), [2, 3, 4, 5, 6, 7]);
  assertEquals(read.frames[2], {
    line: 4,
    t: 20,
    dir: "out",
    opcode: 2,
    fin: true,
    rsv1: false,
    payload: decodeHex("00ff"),
    size: 2,
    wire: 2,
    cut: false,
  });
  await Promise.all([server.close(), clock.advance(10_000)]);
});

test("record of a server keeps its connections apart by their id", async () => {
  const network = createNetwork();
  const lines = new Map<string, string[]>();
  const trace = record((line, id) => lines.set(id, [...lines.get(id) ?? [], line]));
  const server = await network.serve({ trace, websocket: { message: () => {} } });
  const [one, two] = await Promise.all([
    network.connect(server.url),
    network.connect(server.url),
  ]);
  await one.send("1");
  await two.send("2");
  await Promise.all([one.close(), two.close()]);
  await server.close();
  const recordings = [...lines.values()].map((list) => readRecording(list.join("\n")));
  assertEquals(recordings.map(({ side }) => side), ["server", "server"]);
  assertEquals(
    recordings.map(({ frames }) => frames.map(({ dir, opcode }) => `${dir} ${opcode}`)),
    [["in 1", "in 8", "out 8"], ["in 1", "in 8", "out 8"]],
  );
});

test("record writes a refused handshake", async () => {
  const network = createNetwork();
  const lines: string[] = [];
  const server = await network.serve({ fetch: () => new Response("no", { status: 403 }) });
  await network.connect(server.url, { trace: record((line) => lines.push(line)) }).catch(() => {});
  assertEquals(lines.length, 1);
  assertStringIncludes(readRecording(lines[0]!).response ?? "", "HTTP/1.1 403 ");
  await server.close();
});

test("record by ws.trace() has no handshake, and the side that it is told", async () => {
  const { client, server } = await pair();
  const lines: string[] = [];
  client.trace(record((line) => lines.push(line), { side: "client" }));
  server.send("a");
  await client.receive();
  await client.close();
  const { side, request, frames } = readRecording(lines.join("\n"));
  assertEquals([side, request, frames.length], ["client", undefined, 3]);
  assertEquals([frames[0]?.t, frames[0]?.payload], [0, decodeHex("61")]);
});

test("record cuts payloads above its bound, and says so", async () => {
  const { client, server } = await pair();
  const lines: string[] = [];
  client.trace(record((line) => lines.push(line), { maxPayload: 3 }));
  server.send("abé");
  server.send("abc");
  await client.receive();
  await client.receive();
  client.terminate();
  const { frames } = readRecording(lines.join("\n"));
  // The bound divides the é, so the line has octets.
  assertEquals(frames.map(({ payload, size, cut }) => ({ payload, size, cut })), [
    { payload: decodeHex("6162c3"), size: 4, cut: true },
    { payload: decodeHex("616263"), size: 3, cut: false },
  ]);
});

test("record has compressed messages without compression", async () => {
  await using server = await serve({
    port: 0,
    compression: { threshold: 0 },
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const lines: string[] = [];
  const ws = await connect(server.url, {
    compression: { threshold: 0 },
    trace: record((line) => lines.push(line)),
  });
  const text = "a".repeat(1_000);
  const received = ws.receive();
  await ws.send(text);
  await received;
  await ws.close();
  const { frames } = readRecording(lines.join("\n"));
  assertEquals(frames.slice(0, 2).map(({ rsv1, size, cut }) => ({ rsv1, size, cut })), [
    { rsv1: true, size: 1_000, cut: false },
    { rsv1: true, size: 1_000, cut: false },
  ]);
  assertEquals(frames[0]!.payload, new TextEncoder().encode(text));
  assertEquals(frames[0]!.wire < 100, true);
});

test("record keeps fragments", async () => {
  const { client, server } = await pair();
  const lines: string[] = [];
  client.trace(record((line) => lines.push(line)));
  server.send(["one", "two"]);
  assertEquals(await client.receive(), "onetwo");
  client.terminate();
  const { frames } = readRecording(lines.join("\n"));
  assertEquals(frames.map(({ opcode }) => opcode)[0], 1);
  assertEquals(frames.at(-1)?.fin, true);
  assertEquals(frames.length > 1, true);
});

test("record checks what it is given", () => {
  assertThrows(() => record(5 as never), TypeError, "record() expected a function");
  assertThrows(() => record(() => {}, { max: 1 } as object), TypeError, "maxPayload");
  assertThrows(() => record(() => {}, { side: "left" as "client" }), TypeError, '"client" or');
});

test("readRecording says which line is malformed, and what was expected", () => {
  const malformed: [string, string][] = [
    ["", "Line 1 of the recording: expected an object of JSON, got"],
    ["[]", "Line 1 of the recording: expected an object of JSON"],
    ["{}", "Line 1 of the recording: expected recording to be 1, the number of the format"],
    ['{"recording":2,"time":0}', "got 2"],
    ['{"recording":1}', "expected time to be milliseconds since 1970, got undefined"],
    ['{"recording":1,"time":0,"side":"left"}', 'expected side to be "client" or "server"'],
    ['{"recording":1,"time":0,"request":1}', "expected request to be a string, got 1"],
    [`${first}{`, 'Line 2 of the recording: expected an object of JSON, got "{"'],
    [`${first}\n${frame()}`, "Line 2 of the recording: expected an object"],
    [`${first}${frame()}\n${frame({ t: -1 })}`, "Line 3 of the recording: expected t to be"],
    [first + frame({ dir: "up" }), 'expected dir to be "in" or "out", got "up"'],
    [first + frame({ opcode: 16 }), "expected opcode to be a whole number from 0 to 15, got 16"],
    [first + frame({ fin: 1 }), "expected fin to be true or false"],
    [first + frame({ rsv1: undefined }), "expected rsv1 to be true or false, got undefined"],
    [first + frame({ payload: undefined }), "expected either payload or base64, got neither"],
    [first + frame({ base64: "" }), "expected either payload or base64, got both"],
    [first + frame({ payload: undefined, base64: "a" }), "expected base64 to be octets in Base64"],
    [first + frame({ size: 2 }), "expected a payload of 2 octets, got one of 1"],
    [first + frame({ size: 0, cut: true }), "expected a payload of 0 octets, got one of 1"],
    [first + frame({ wire: 0.5 }), "expected wire to be a number of octets, got 0.5"],
    [first + frame({ cut: 1 }), "expected cut to be true or false"],
  ];
  for (const [text, message] of malformed) {
    assertThrows(() => readRecording(text), SyntaxError, message);
  }
  assertEquals(readRecording(`${first.trim()}\r\n${frame({ more: 1 })}\r\n`).frames.length, 1);
  assertEquals(readRecording(first).frames, []);
});
