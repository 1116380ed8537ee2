import { denoRuntime } from "../../runtimes/deno/runtime.ts";
import { runtime } from "../support/test.ts";
import { networkSuite, tlsWire } from "./network_suite.ts";
import { unixSuite } from "./unix_suite.ts";

const skip = runtime === "deno" ? undefined : "needs Deno";
networkSuite("denoRuntime", denoRuntime, skip);
networkSuite("denoRuntime with TLS", denoRuntime, skip, await tlsWire());
unixSuite("denoRuntime", denoRuntime, skip);
