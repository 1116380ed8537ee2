// The WebSocket of pages in Chromium and Firefox.

import { testServer } from "../harness.ts";
import { chromium, firefox } from "./browser.ts";
import { pageClient } from "./page.ts";

testServer(pageClient(chromium));
testServer(pageClient(firefox));
