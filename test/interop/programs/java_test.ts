// java.net.http, of the JDK.

import { testServer } from "../harness.ts";
import { javaClient } from "./java.ts";

testServer(javaClient);
