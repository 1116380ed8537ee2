import { assertEquals, assertStrictEquals } from "@std/assert";
import { Backlog } from "../../src/connection/backlog.ts";
import { PreparedMessage } from "../../src/protocol/prepared_message.ts";
import { encodeUtf8 } from "../../src/util/utf8.ts";
import { test } from "../support/test.ts";

interface Stream {
  readonly kind: "stream";
  readonly name: string;
  readonly size: number;
}

/** What comes first, as a line. */
function take(backlog: Backlog<Stream>): string | undefined {
  const next = backlog.shift();
  if (next === undefined) return undefined;
  if (next.kind === "stream") return next.name;
  const { data, text, compress } = next;
  const content = data instanceof Uint8Array
    ? (text ? new TextDecoder().decode(data) : [...data].join())
    : `${typeof data} ${data.length}`;
  return `${content} ${text ? "text" : "binary"}${compress ? " compress" : ""}`;
}

test("Backlog gives messages back in order, as they were", () => {
  const backlog = new Backlog<Stream>();
  backlog.push("Grüße", true);
  backlog.push(Uint8Array.of(1, 2), false);
  backlog.keep({ kind: "stream", name: "in chunks", size: 3 });
  backlog.push("", false);
  backlog.push(new Uint8Array(), true);
  backlog.push(new PreparedMessage("small"), true);
  backlog.push(new PreparedMessage(Uint8Array.of(3), { compress: false }), true);
  backlog.push(new PreparedMessage("x".repeat(1_024)), true);
  assertEquals(backlog.count, 8);
  assertEquals(Array.from({ length: 9 }, () => take(backlog)), [
    "Grüße text compress",
    "1,2 binary",
    "in chunks",
    " text",
    " binary compress",
    "small text compress",
    "3 binary",
    "object 1024 text compress",
    undefined,
  ]);
  assertEquals([backlog.count, backlog.size], [0, 0]);
});

test("Backlog copies what it is given", () => {
  const backlog = new Backlog<Stream>();
  for (const length of [3, 70_000]) {
    const bytes = new Uint8Array(length).fill(1);
    backlog.push(bytes, false);
    bytes.fill(2);
    const taken = backlog.shift();
    assertEquals(
      taken?.kind === "message" && (taken.data as Uint8Array).every((o) => o === 1),
      true,
    );
  }
});

test("Backlog counts the octets of a message and what it takes besides", () => {
  const backlog = new Backlog<Stream>();
  const sizes = [
    () => backlog.push("é", false),
    () => backlog.push(new Uint8Array(100_000), false),
    () => backlog.push(new PreparedMessage("abc"), false),
    () => backlog.push(new PreparedMessage(new Uint8Array(2_000)), false),
    () => backlog.keep({ kind: "stream", name: "in chunks", size: 0 }),
    () => backlog.keep({ kind: "stream", name: "an array", size: 70_000 }),
  ].map((add) => {
    const before = backlog.size;
    add();
    return backlog.size - before;
  });
  assertEquals(sizes, [18, 100_016, 19, 2_528, 528, 70_528]);
  while (backlog.count > 0) backlog.drop();
  assertEquals(backlog.size, 0);
});

test("Backlog.drop() drops the first, and gives back a message in chunks", () => {
  const backlog = new Backlog<Stream>();
  const stream: Stream = { kind: "stream", name: "in chunks", size: 5 };
  backlog.push("a", false);
  backlog.keep(stream);
  backlog.push(new PreparedMessage("x".repeat(2_000)), false);
  backlog.push("", false);
  backlog.push("b", false);
  assertEquals(backlog.drop(), undefined);
  assertStrictEquals(backlog.drop(), stream);
  assertEquals([backlog.drop(), backlog.drop()], [undefined, undefined]);
  assertEquals([take(backlog), backlog.drop(), backlog.count], ["b text", undefined, 0]);
});

test("Backlog keeps messages apart that fill its memory in any way", () => {
  const backlog = new Backlog<Stream>();
  const texts = Array.from({ length: 3_000 }, (_, i) => `${i}`.repeat(1 + i * 7 % 120));
  let added = 0;
  let taken = 0;
  while (taken < texts.length) {
    for (let i = 0; i < 5 && added < texts.length; i++) backlog.push(texts[added++]!, false);
    for (let i = 0; i < (added < texts.length ? 4 : 10) && taken < added; i++) {
      const text = texts[taken++]!;
      if (taken % 3 === 0) backlog.drop();
      else assertEquals(take(backlog), `${text} text`);
    }
  }
  assertEquals([backlog.count, backlog.size], [0, 0]);
});

test("Backlog takes the octets of the message at hand as they came", () => {
  const backlog = new Backlog<Stream>();
  backlog.push("𝄞".repeat(30), false);
  const taken = backlog.shift();
  assertEquals(taken?.kind === "message" && taken.data, encodeUtf8("𝄞".repeat(30)));
});
