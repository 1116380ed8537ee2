// A driver written as CONTRIBUTING.md says, for a broker over a line protocol, keeps the contract.

import { LineBackplane, LineBroker } from "../support/line_backplane.ts";
import { backplaneSuite } from "./backplane_suite.ts";

backplaneSuite("LineBackplane", async () => {
  const broker = new LineBroker();
  await broker.start();
  return {
    driver: () => ({ backplane: new LineBackplane(broker.port) }),
    async outage() {
      await broker.stop();
      return () => broker.start();
    },
    close: () => broker.stop(),
  };
}, { counts: true, ordered: true });
