export { addressOf, NodeTransport } from "../shared/node_transport.ts";
