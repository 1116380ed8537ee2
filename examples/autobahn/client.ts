// A client for the fuzzing server of the Autobahn Testsuite. It asks how many cases there are,
// echoes every message of each case, and asks the server to write its reports.
//   wstest --mode fuzzingserver --spec fuzzingserver.json
//   node --import tsx examples/autobahn/client.ts --url ws://127.0.0.1:9001
//   deno run -A examples/autobahn/client.ts --url ws://127.0.0.1:9001
//   bun examples/autobahn/client.ts --url ws://127.0.0.1:9001

import process from "node:process";
import { parseArgs } from "node:util";
import { connect } from "@sansocket/ws";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "ws://127.0.0.1:9001" },
    agent: { type: "string", default: "sansocket" },
    /** The number of the only case to run. */
    case: { type: "string" },
  },
});

const options = {
  maxMessageSize: 16_777_216,
  // The echo of the largest message has to fit, together with what is queued behind it.
  maxBufferedAmount: 67_108_864,
  // Allow every parameter, and compress every message. Do not use this in production.
  compression: { windowBits: 15, threshold: 0 },
};
const agent = encodeURIComponent(values.agent);

const counter = await connect(`${values.url}/getCaseCount`);
const count = Number(await counter.receive());
await counter.closed;

const first = values.case === undefined ? 1 : Number(values.case);
const last = values.case === undefined ? count : first;
for (let number = first; number <= last; number++) await runCase(number);

const reports = await connect(`${values.url}/updateReports?agent=${agent}`);
await reports.closed;
console.log(`Ran ${last - first + 1} of ${count} cases`);
process.exit();

async function runCase(number: number): Promise<void> {
  try {
    const ws = await connect(`${values.url}/runCase?case=${number}&agent=${agent}`, options);
    for await (const message of ws) await ws.send(message);
    await ws.closed;
  } catch {
    // Most cases end in a failed connection, and the server knows which ones should.
  }
}
