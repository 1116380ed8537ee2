import { assertEquals } from "@std/assert";
import { ConnectionClosed, HandshakeError } from "@sansocket/ws";
import {
  ended,
  failedAttempt,
  failedCall,
  isDone,
  withoutConnection,
} from "../../src/reconnect/failure.ts";
import { test } from "../support/test.ts";

const UNKNOWN = withoutConnection(undefined, false);

test("ended is fatal for codes that say that this end does wrong, or that it is done", () => {
  const fatal: number[] = [];
  for (let code = 1000; code <= 4999; code++) {
    if (ended(1, { ...UNKNOWN, code }).fatal) fatal.push(code);
  }
  const few = [1000, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 3000, 3003];
  assertEquals(fatal, [...few, ...Array.from({ length: 1000 }, (_, i) => 4000 + i)]);
  assertEquals([1000, 1001, 1005, 1006].map((code) => isDone({ ...UNKNOWN, code })), [
    true,
    false,
    true,
    false,
  ]);
  const failure = ended(3, UNKNOWN);
  assertEquals([failure.attempt, failure.info, failure.status], [3, UNKNOWN, undefined]);
  assertEquals(failure.error instanceof ConnectionClosed, true);
});

test("failedAttempt is fatal for 4xx that will not pass", () => {
  const fatal: number[] = [];
  for (let status = 200; status <= 599; status++) {
    if (failedAttempt(1, new HandshakeError("", { status }), false).fatal) fatal.push(status);
  }
  const passing = [408, 425, 429];
  const all = Array.from({ length: 100 }, (_, i) => 400 + i);
  assertEquals(fatal, all.filter((status) => !passing.includes(status)));
});

test("failedAttempt gives 401 one more attempt where a function makes the token", () => {
  const error = new HandshakeError("", { status: 401 });
  assertEquals([failedAttempt(1, error, true).fatal, failedAttempt(1, error, false).fatal], [
    false,
    true,
  ]);
  assertEquals(failedAttempt(1, new HandshakeError("", { status: 403 }), true).fatal, true);
});

test("failedAttempt passes what the network does, and not what the caller did", () => {
  const passing: unknown[] = [
    new HandshakeError("no status"),
    Object.assign(new Error("dns"), { code: "ENOTFOUND" }),
    Object.assign(new Error("tls"), { code: "CERT_HAS_EXPIRED" }),
    Object.assign(new Error("a proxy"), { name: "ProxyError", status: 407 }),
    "a string",
    undefined,
  ];
  for (const error of passing) {
    const { fatal, status, info } = failedAttempt(2, error, false);
    assertEquals([fatal, status, info], [false, undefined, undefined]);
  }
  for (const error of [new TypeError(), new SyntaxError(), new RangeError()]) {
    assertEquals(failedAttempt(1, error, false).fatal, true);
    assertEquals(failedCall(1, error).fatal, false);
  }
});

test("failedAttempt and withoutConnection take anything that can be thrown", () => {
  const getter = {
    get name(): string {
      throw new Error("a getter");
    },
  };
  for (const thrown of [Object.create(null), Symbol("thrown"), null, 5, getter]) {
    const { fatal, status, error } = failedAttempt(1, thrown, false);
    assertEquals([fatal, status, Object.is(error, thrown)], [false, undefined, true]);
    assertEquals(withoutConnection(thrown, false).cause?.name, "Error");
  }
});

test("withoutConnection says how it ended", () => {
  const cause = new Error("refused");
  const info = withoutConnection(cause, false);
  assertEquals([info.code, info.cause, info.orderly, info.final], [1006, cause, false, true]);
  assertEquals([info.initiator, info.endedBy], ["remote", "transport"]);
  const late = Object.assign(new Error("late"), { code: "ETIMEDOUT" });
  assertEquals(withoutConnection(late, false).endedBy, "timeout");
  const own = withoutConnection(undefined, true);
  assertEquals([own.cause, own.orderly, own.initiator, own.endedBy], [
    undefined,
    true,
    "local",
    "local",
  ]);
  assertEquals(withoutConnection("text", false).cause?.message, "text");
});
