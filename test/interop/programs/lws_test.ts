// libwebsockets, the C library.

import { testClient, testServer } from "../harness.ts";
import { lwsClient, lwsServer } from "./lws.ts";

testClient(lwsServer);
testServer(lwsClient);
