import { nodeRuntime } from "../../runtimes/node/runtime.ts";
import { networkSuite, tlsWire } from "./network_suite.ts";
import { unixSuite } from "./unix_suite.ts";

networkSuite("nodeRuntime", nodeRuntime, undefined);
networkSuite("nodeRuntime with TLS", nodeRuntime, undefined, await tlsWire());
unixSuite("nodeRuntime", nodeRuntime, undefined);
