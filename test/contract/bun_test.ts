import { bunRuntime } from "../../runtimes/bun/runtime.ts";
import { runtime } from "../support/test.ts";
import { networkSuite } from "./network_suite.ts";

networkSuite("bunRuntime", bunRuntime, runtime === "bun" ? undefined : "needs Bun");
