import { denoRuntime } from "../../runtimes/deno/runtime.ts";
import { runtime } from "../support/test.ts";
import { networkSuite } from "./network_suite.ts";

networkSuite("denoRuntime", denoRuntime, runtime === "deno" ? undefined : "needs Deno");
