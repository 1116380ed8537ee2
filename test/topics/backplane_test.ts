// The contract of drivers, held by the one in memory that other tests use.

import { MemoryBus } from "../support/memory_backplane.ts";
import { backplaneSuite } from "./backplane_suite.ts";

backplaneSuite("MemoryBackplane", () => {
  const bus = new MemoryBus();
  return {
    driver: () => ({ backplane: bus.driver() }),
    outage: () => {
      bus.outage();
      return Promise.resolve(() => Promise.resolve(bus.recover()));
    },
  };
}, { counts: true, ordered: true });
