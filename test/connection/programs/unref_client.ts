// A client that only listens in: the process ends though its connection is open.

import process from "node:process";
import { connect } from "@sansocket/ws";

const ws = await connect(process.argv[2] ?? "");
ws.unref();
console.log("connected");
