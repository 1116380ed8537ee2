// Dials a port where nobody answers until the time for it is up, and ends: `dial_in_vain.ts URL`.

import process from "node:process";
import { connect } from "@sansocket/ws";

const url = process.argv[2] ?? "";
// More than the queue of the listener holds: those behind it are not answered at all.
const attempts = Array.from({ length: 8 }, () => connect(url, { handshakeTimeout: 200 }));
for (const { status } of await Promise.allSettled(attempts)) console.log(status);
console.log("all over");
