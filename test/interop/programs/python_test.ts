// The WebSocket libraries for Python that Debian packages.

import { testClient, testServer } from "../harness.ts";
import {
  geventServer,
  tornadoClient,
  tornadoServer,
  websocketsClient,
  websocketsServer,
} from "./python.ts";

testClient(websocketsServer);
testServer(websocketsClient());
testClient(tornadoServer);
testServer(tornadoClient);
testClient(geventServer);
