// Masking, headers, and frames in and out.

import { bench, do_not_optimize, group } from "mitata";
import {
  applyMask,
  createFrameHeader,
  createMaskingKey,
  FrameDecoder,
  FrameEncoder,
  Opcode,
  readHeader,
  writeHeader,
} from "../../src/core.ts";
import { createPayload } from "../generator/payload.ts";
import { createTrains } from "../generator/train.ts";
import { scenarioOf } from "../scenarios.ts";

const SIZES = [20, 125, 1024, 65_536, 1 << 20];

group("applyMask", () => {
  for (const size of SIZES) {
    const bytes = createPayload("binary", size, 1);
    bench(`applyMask ${size} B`, () => applyMask(bytes, 0, size, 0x37fa213d));
  }
  const odd = createPayload("binary", 1027, 1).subarray(3);
  bench("applyMask 1024 B, not aligned", () => applyMask(odd, 0, 1024, 0x37fa213d));
});

bench("createMaskingKey", () => do_not_optimize(createMaskingKey()));

group("headers", () => {
  const header = createFrameHeader();
  const target = new Uint8Array(14);
  for (const length of [20, 1024, 65_536]) {
    const bytes = target.slice();
    const end = writeHeader(bytes, 0, 0x82, length, 0x37fa213d);
    bench(`readHeader of ${length} B`, () => do_not_optimize(readHeader(bytes, 0, end, header)));
    bench(
      `writeHeader of ${length} B`,
      () => do_not_optimize(writeHeader(target, 0, 0x82, length, undefined)),
    );
  }
});

group("FrameDecoder", () => {
  for (const name of ["echo-64x32-20", "echo-64x32-1k"]) {
    const { depth, size } = scenarioOf(name);
    const { bytes, starts } = createTrains(scenarioOf(name), false).outgoing;
    const chunk = new Uint8Array(bytes.subarray(0, starts[depth]));
    const decoder = new FrameDecoder();
    // Unmasking happens in place, which costs the same however often it has been done.
    bench(`FrameDecoder, ${depth} frames of ${size} B in a chunk`, () => {
      decoder.push(chunk);
      while (decoder.readHeader() && decoder.readPayload()) do_not_optimize(decoder.end);
    });
  }
});

group("FrameEncoder", () => {
  for (const masked of [false, true]) {
    const encoder = new FrameEncoder(masked);
    const role = masked ? "client" : "server";
    for (const size of [20, 1024, 65_536]) {
      const payload = createPayload("binary", size, 1);
      bench(`FrameEncoder binary ${size} B, ${role}`, () => {
        encoder.binary(Opcode.binary, payload);
        while (encoder.take() !== undefined);
      });
    }
    for (const kind of ["text", "utf8"] as const) {
      const text = new TextDecoder().decode(createPayload(kind, 1024, 1));
      bench(`FrameEncoder text 1024 B, ${kind === "text" ? "ASCII" : "mixed"}, ${role}`, () => {
        encoder.text(Opcode.text, text);
        while (encoder.take() !== undefined);
      });
    }
  }
});
