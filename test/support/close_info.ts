// How a connection ended, for tests: what is not said is as it follows from the rest.

import type { CloseInfo } from "../../src/protocol/errors.ts";

/**
 * All that is told of an end.
 *
 * @param info What the test says of it.
 * @returns The same with what is missing: an end by the peer with 1000 unless it says otherwise.
 */
export function closeInfo(info: Partial<CloseInfo>): CloseInfo {
  const { code = 1000, initiator = "remote", wasClean = true } = info;
  return {
    code,
    reason: "",
    wasClean,
    initiator,
    endedBy: initiator,
    violation: undefined,
    orderly: wasClean && (initiator === "local" || [1000, 1001, 1005].includes(code)),
    sent: undefined,
    received: undefined,
    cause: undefined,
    unsent: 0,
    roundTrip: undefined,
    final: true,
    ...info,
  };
}
