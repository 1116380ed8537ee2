import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import type { Bytes } from "../../src/util/bytes.ts";
import type { Role } from "../../src/protocol/frame_header.ts";
import type { Protocol } from "../../src/protocol/protocol.ts";
import { createProtocol, feed, next, takeAll, takeFrames } from "../support/drive.ts";
import { encodeFrames, type NaiveFrame } from "../support/frames.ts";
import { cutAt, cuts } from "../support/split.ts";
import { test } from "../support/test.ts";
import { anyFrame, RUN, script, splits, text } from "./arbitraries.ts";

const role = fc.constantFrom<Role>("client", "server");
const key = fc.uint8Array({ minLength: 4, maxLength: 4 });

/** The frames as the peer of `role` sends them: masked when that is a client. */
function wire(role: Role, frames: readonly NaiveFrame[], key: Uint8Array): Bytes {
  return encodeFrames(
    ...frames.map((frame, i) => ({
      ...frame,
      key: role === "server" ? key.map((octet) => octet + i) : undefined,
    })),
  );
}

function split(bytes: Uint8Array, splits: readonly number[]): Bytes[] {
  return cutAt(bytes, splits.map((part) => Math.floor(part * bytes.length)));
}

/** All that can be seen of a protocol that was given the chunks. */
function outcome(role: Role, chunks: readonly Bytes[]): unknown {
  const protocol = createProtocol(role, { maxMessageSize: 1000, maxFragments: 10 });
  const events = feed(protocol, chunks);
  const { state, endDue, closeTimerDue } = protocol;
  const written = takeFrames(protocol);
  const { code, reason, wasClean, initiator } = protocol.end(undefined);
  return { events, written, state, endDue, closeTimerDue, code, reason, wasClean, initiator };
}

test("Protocol gives the events and answers that the frames ask for, under any split", () => {
  fc.assert(
    fc.property(role, script, key, splits, (role, { frames, events, answers }, key, splits) => {
      const stream = wire(role, frames, key);
      for (const chunks of [[stream.slice()], split(stream, splits)]) {
        const protocol = createProtocol(role);
        assertEquals(feed(protocol, chunks), [...events]);
        assertEquals(takeFrames(protocol), [...answers]);
        assertEquals(protocol.state, events.at(-1) === "close" ? "discarding" : "open");
      }
    }),
    RUN,
  );
});

test("Protocol gives the same under every split in two and byte by byte", () => {
  fc.assert(
    fc.property(role, script, key, (role, { frames, events }, key) => {
      for (const chunks of cuts(wire(role, frames, key))) {
        assertEquals(feed(createProtocol(role), chunks), [...events]);
      }
    }),
    { ...RUN, numRuns: 25 },
  );
});

test("Protocol.nextOther() gives the same without nextMessage()", () => {
  fc.assert(
    fc.property(role, script, key, splits, (role, { frames, answers }, key, splits) => {
      const [both, one] = [createProtocol(role), createProtocol(role)];
      const seen = { both: [] as string[], one: [] as string[] };
      for (const chunk of split(wire(role, frames, key), splits)) {
        one.receive(chunk.slice());
        for (let event = one.nextOther(); event !== undefined; event = one.nextOther()) {
          seen.one.push(show(event, one.data));
        }
        both.receive(chunk);
        for (let event = both.nextEvent(); event !== undefined; event = both.nextEvent()) {
          seen.both.push(show(event, both.data));
        }
      }
      assertEquals(seen.one, seen.both);
      assertEquals(takeFrames(one), [...answers]);
    }),
    RUN,
  );
});

function show(event: string, data: string | Uint8Array): string {
  return `${event} ${typeof data === "string" ? data : encodeHex(data.slice())}`;
}

test("Protocol.holding before every message changes no event and no answer", () => {
  fc.assert(
    fc.property(role, script, key, splits, (role, { frames, events, answers }, key, splits) => {
      const protocol = createProtocol(role);
      const seen: string[] = [];
      for (const chunk of split(wire(role, frames, key), splits)) {
        protocol.receive(chunk);
        for (;;) {
          protocol.holding = true;
          let event = next(protocol);
          if (event === undefined && protocol.blocked) {
            protocol.holding = false;
            event = next(protocol);
          }
          if (event === undefined) break;
          seen.push(event);
        }
      }
      assertEquals(seen, [...events]);
      assertEquals(takeFrames(protocol), [...answers]);
    }),
    RUN,
  );
});

test("Protocol reads frames near and beyond the rules the same under any split", () => {
  const frames = fc.array(anyFrame, { maxLength: 12 });
  fc.assert(
    fc.property(role, frames, key, splits, (role, frames, key, splits) => {
      const stream = wire(role, frames, key);
      const unsplit = outcome(role, [stream.slice()]);
      assertEquals(outcome(role, split(stream, splits)), unsplit);
      const octets = Array.from(stream, (octet) => Uint8Array.of(octet));
      assertEquals(outcome(role, octets), unsplit);
    }),
    RUN,
  );
});

test("Protocol never throws on garbage: it waits for more, or has answered with a Close frame", () => {
  fc.assert(
    fc.property(role, fc.uint8Array({ maxLength: 300 }), splits, (role, garbage, splits) => {
      const protocol = createProtocol(role);
      const events = feed(protocol, split(garbage, splits));
      const closed = takeFrames(protocol).some((frame) => frame.startsWith("88 "));
      assertEquals(closed, events.includes("close"));
      if (closed) {
        assertEquals([protocol.state, protocol.closeTimerDue], ["discarding", true]);
        assert(protocol.endDue || role === "client");
      } else {
        assertEquals([protocol.state, protocol.endDue], ["open", false]);
        // It takes more, so the last chunk has been read to its end.
        feed(protocol, [garbage.slice(0, 1)]);
      }
    }),
    { ...RUN, numRuns: 1000 },
  );
});

test("Protocol reads garbage behind a right header the same under any split", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), splits, (garbage, splits) => {
      // An unfinished text, so that everything behind it is judged as it comes.
      const stream = Uint8Array.from([0x01, 0x02, 0x61, 0x62, ...garbage]);
      assertEquals(outcome("client", split(stream, splits)), outcome("client", [stream.slice()]));
    }),
    { ...RUN, numRuns: 500 },
  );
});

type Command =
  | { readonly type: "send"; readonly data: string | Uint8Array }
  | { readonly type: "ping"; readonly data: Uint8Array };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant("send" as const), data: fc.oneof(text, fc.uint8Array()) }),
  fc.record({ type: fc.constant("ping" as const), data: fc.uint8Array({ maxLength: 125 }) }),
);

test("Protocol to Protocol: what one end sends the other gets, and the close is clean", () => {
  const ends = fc.tuple(fc.array(command, { maxLength: 10 }), fc.array(command, { maxLength: 10 }));
  fc.assert(
    fc.property(ends, splits, fc.boolean(), ([fromClient, fromServer], splits, clientCloses) => {
      const client = createProtocol("client");
      const server = createProtocol("server");
      run(client, fromClient);
      run(server, fromServer);
      const toServer = split(takeAll(client.output), splits);
      const toClient = split(takeAll(server.output), splits);
      assertEquals(feed(server, toServer), fromClient.map(line));
      assertEquals(feed(client, toClient), fromServer.map(line));
      // What waits now are the Pongs.
      assertEquals(feed(server, split(takeAll(client.output), splits)), pongs(fromServer));
      assertEquals(feed(client, split(takeAll(server.output), splits)), pongs(fromClient));

      const [first, second] = clientCloses ? [client, server] : [server, client];
      first.close(4321, "done");
      assertEquals(feed(second, split(takeAll(first.output), splits)), ["close"]);
      assertEquals(feed(first, split(takeAll(second.output), splits)), ["close"]);
      assertEquals([client.endDue, server.endDue], [false, true]);
      const infos = [first.end(undefined), second.end(undefined)];
      assertEquals(infos.map(({ wasClean }) => wasClean), [true, true]);
      assertEquals(infos.map(({ initiator }) => initiator), ["local", "remote"]);
      assertEquals(infos.map(({ code }) => code), [4321, 4321]);
    }),
    RUN,
  );
});

function run(protocol: Protocol, commands: readonly Command[]): void {
  for (const { type, data } of commands) {
    if (type === "ping") protocol.ping(data);
    else protocol.send(data);
  }
}

function line({ type, data }: Command): string {
  if (typeof data === "string") return `text ${data}`;
  return `${type === "ping" ? "ping" : "binary"} ${encodeHex(data)}`;
}

function pongs(commands: readonly Command[]): string[] {
  return commands.filter(({ type }) => type === "ping").map((ping) =>
    line(ping).replace("pi", "po")
  );
}
