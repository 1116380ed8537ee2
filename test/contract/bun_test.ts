import { bunRuntime } from "../../runtimes/bun/runtime.ts";
import { runtime } from "../support/test.ts";
import { networkSuite, tlsWire } from "./network_suite.ts";
import { unixSuite } from "./unix_suite.ts";

const skip = runtime === "bun" ? undefined : "needs Bun";
networkSuite("bunRuntime", bunRuntime, skip);
networkSuite("bunRuntime with TLS", bunRuntime, skip, await tlsWire());
unixSuite("bunRuntime", bunRuntime, skip);
