// All fuzz targets, in the order in which they run.

import type { Target } from "./target.ts";
import { duplex } from "./targets/duplex.ts";
import { envelope } from "./targets/envelope.ts";
import { extension } from "./targets/extension.ts";
import { compressed, frames } from "./targets/frames.ts";
import { handshake } from "./targets/handshake.ts";
import { chunked, head } from "./targets/http.ts";
import { close, inflate, utf8 } from "./targets/leaves.ts";
import { realms, sending } from "./targets/sending.ts";
import { history } from "./targets/history.ts";
import { outages } from "./targets/outages.ts";
import { schedules } from "./targets/schedules.ts";
import { presence } from "./targets/presence.ts";
import { requests, responses } from "./targets/sessions.ts";
import { waiting } from "./targets/waiting.ts";

/** All fuzz targets. */
export const targets: readonly Target[] = [
  frames,
  compressed,
  inflate,
  utf8,
  close,
  head,
  chunked,
  handshake,
  requests,
  responses,
  extension,
  waiting,
  realms,
  sending,
  duplex,
  history,
  schedules,
  envelope,
  presence,
  outages,
];
