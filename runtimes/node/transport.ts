export { NodeTransport } from "../node_transport.ts";
