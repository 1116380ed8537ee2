import { assertEquals } from "@std/assert";
import { Protocol } from "../../src/protocol/protocol.ts";
import { ProtocolSettings } from "../../src/protocol/protocol_settings.ts";
import { LIMITS } from "../support/drive.ts";
import { test } from "../support/test.ts";

test("ProtocolSettings hold nothing back by default, and are those of each Protocol", () => {
  const settings = new ProtocolSettings();
  assertEquals({ ...settings }, {
    congested: false,
    answersPings: true,
    streamFrom: Infinity,
    holding: false,
    allowance: -1,
    excessFrom: Infinity,
    announcesClose: false,
  });
  for (const role of ["client", "server"] as const) {
    const protocol = new Protocol(role, LIMITS);
    const names = Object.keys(settings) as (keyof ProtocolSettings)[];
    for (const name of names) assertEquals(protocol[name], settings[name], name);
  }
});
