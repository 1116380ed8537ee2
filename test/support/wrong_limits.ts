// Limits of messages that no constructor of the core takes, and what it says of each.

import type { MessageLimits } from "../../src/protocol/message_assembler.ts";

const right = { maxMessageSize: 1, maxFragments: 1 };

/** Missing, misspelt, or out of range. */
export const wrongLimits: readonly (readonly [limits: MessageLimits, message: string])[] = ([
  [{ maxMesageSize: 1, maxFragments: 1 }, "maxMesageSize: did you mean maxMessageSize?"],
  [{ maxFragments: 1 }, "Expected maxMessageSize and maxFragments"],
  [{ ...right, maxFragments: undefined }, "Expected maxMessageSize and maxFragments"],
  [{ ...right, maxMessageSize: NaN }, "got NaN"],
  [{ ...right, maxFragments: 0 }, "got 0"],
] as [object, string][]).map(([limits, message]) => [limits as MessageLimits, message]);
