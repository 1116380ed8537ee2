// A process of its own that is sent 200 MiB in 200 KiB, so that its peak memory is that of the refusal and nothing else.
// It prints the close code, and by how many octets the peak grew.

import { readFileSync } from "node:fs";
import process from "node:process";
import { deflateRawSync } from "node:zlib";
import { PerMessageDeflate } from "../../src/deflate/permessage.ts";
import { resolveCompression } from "../../src/deflate/options.ts";
import { Protocol } from "../../src/protocol/protocol.ts";
import { backends } from "./deflate.ts";
import { encodeFrames } from "./frames.ts";

/** The most memory that the process has had so far: on Linux as the kernel counts it, or else what it has now. */
function peak(): number {
  try {
    const [, kibibytes = ""] = /^VmHWM:\s+(\d+) kB$/m.exec(
      readFileSync("/proc/self/status", "utf8"),
    )!;
    return Number(kibibytes) * 1024;
  } catch {
    return process.memoryUsage().rss;
  }
}

function createServer(): Protocol {
  const parameters = {
    sendTakeover: true,
    sendWindowBits: 15,
    receiveTakeover: true,
    receiveWindowBits: 15,
  };
  const transform = new PerMessageDeflate(backends.handle, parameters, resolveCompression(true)!);
  return new Protocol("server", { maxMessageSize: 1 << 20, maxFragments: 10 }, transform);
}

/** The close code for a message of zeros, each MiB of which is compressed alike. */
function receive(mebibytes: number): number {
  const part = deflateRawSync(new Uint8Array(1 << 20), { finishFlush: 2 });
  const payload = new Uint8Array(part.length * mebibytes - 4);
  for (let i = 0; i < mebibytes; i++) {
    payload.set(part.subarray(0, payload.length - i * part.length), i * part.length);
  }
  const key = new Uint8Array(4);
  const bytes = encodeFrames({ opcode: 2, reserved: 4, payload, key });
  const protocol = createServer();
  const before = peak();
  protocol.receive(bytes);
  for (let event = protocol.nextEvent(); event !== undefined; event = protocol.nextEvent());
  grown = peak() - before;
  return protocol.end(undefined).code;
}

let grown = 0;
// What is loaded and compiled for the first time is not counted.
receive(1);
const code = receive(200);
console.log(JSON.stringify({ code, peak: grown }));
