import { nodeRuntime } from "../../runtimes/node/runtime.ts";
import { networkSuite } from "./network_suite.ts";

networkSuite("nodeRuntime", nodeRuntime, undefined);
