// What the example uses of the sockets of Workers. @cloudflare/workers-types has all their types.

declare module "cloudflare:sockets" {
  export const connect: import("./client.ts").OpenSocket;
}
