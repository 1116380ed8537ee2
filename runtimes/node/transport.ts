export { addressOf, NodeTransport } from "../node_transport.ts";
