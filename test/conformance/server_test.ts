import { quickSuite } from "./quick_suite.ts";

quickSuite("server");
