// A program that has the package by `import` and by `require()`, and prints what does not hold between the two.
// `COPIES` is how many there have to be: where `require()` takes ES modules there is one, and with it one of all that a
// module keeps; on an older Node there are two, which have to know each other's objects.

const name = "@sansocket/ws";

/** The program. */
export const bothProgram: string = `
  import * as esm from "${name}";
  import * as esmNode from "${name}/node";
  import { createServer } from "node:http";
  import { createRequire } from "node:module";
  const require = createRequire(import.meta.url);
  const cjs = require("${name}");
  const cjsNode = require("${name}/node");

  const wrong = [];
  const check = (holds, what) => holds || wrong.push(what);
  const rejection = (promise) => promise.then(() => undefined, (error) => error);
  check((esm.connect === cjs.connect ? 1 : 2) === Number(process.env.COPIES), "number of copies");
  check((esmNode.attach === cjsNode.attach ? 1 : 2) === Number(process.env.COPIES), "copies of ./node");
  const classes = Object.keys(esm).filter((key) => Object.hasOwn(esm[key], Symbol.hasInstance));
  check(classes.length === 15, "classes with a brand: " + classes);

  const errors = [];
  for (const [here, there] of [[esm, cjs], [cjs, esm]]) {
    const topics = there.createTopics();
    const server = await here.serve({
      port: 0,
      topics,
      error: (error) => errors.push(error),
      routes: {
        "/form": async (request) => new Response((await there.readForm(request)).get("a")),
        "/page": new Response(String(here.html\`<i>\${there.html\`<b>\`}</i>\`)),
        "/echo": { websocket: { message: (ws, data) => ws.send(new there.PreparedMessage(data)) } },
        "/topic": { websocket: { open: (ws) => ws.subscribe("a") } },
        "/late": {
          websocket: async (ws) => {
            await ws.closed;
            // What the other copy throws about an end.
            await there.receiveJson(ws);
          },
        },
        "/bad": { websocket: async (ws) => there.parseJson(ws, await ws.receive()) },
      },
    });
    const open = (path) => there.connect(new URL(path, server.url));
    check(await (await fetch(new URL("/page", server.url))).text() === "<i><b></i>", "html");
    const form = new URL("/form", server.url);
    check((await fetch(form, { method: "POST", body: "a=1" })).status === 400, "FormError");
    const refused = await rejection(open("/page"));
    check(refused instanceof here.HandshakeError, "HandshakeError");
    const proxy = server.url.replace("ws:", "http:");
    const tunnel = await rejection(there.connect(server.url, { proxy }));
    check(tunnel instanceof here.ProxyError, "ProxyError");
    const ws = await open("/echo");
    check(ws instanceof here.WebSocketConnection, "WebSocketConnection");
    for (const data of ["text", new Uint8Array(70_000)]) {
      await ws.send(new here.PreparedMessage(data));
      check((await ws.receive()).length === data.length, "PreparedMessage");
    }
    await ws.close();
    check(await rejection(ws.send("late")) instanceof here.ConnectionClosed, "ConnectionClosed");
    const subscribed = await open("/topic");
    await subscribed.ping();
    for (const data of ["text", new here.PreparedMessage("text")]) {
      check(topics.publish("a", data, { coalesce: "key" }).delivered === 1, "publish()");
      check(await subscribed.receive() === "text", "published");
    }
    await subscribed.close();
    await (await open("/late")).close();
    const bad = await open("/bad");
    await bad.send("{");
    check((await bad.closed).code === 1007, "JSON");
    const small = await there.connect(new URL("/echo", server.url), { maxMessageSize: 1 });
    await small.send("too long");
    check((await small.closed).cause instanceof here.ProtocolError, "ProtocolError");
    await server.close();
  }
  check(errors.length === 0, "reported: " + errors);

  const server = createServer((_, response) => response.end("a page"));
  const echo = { message: (ws, data) => ws.send(data) };
  const attached = [
    esmNode.attach(server, { path: "/esm", websocket: echo }),
    cjsNode.attach(server, { path: "/cjs", websocket: echo }),
  ];
  check(server.listenerCount("upgrade") === 1, "one listener");
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = (path) => "ws://127.0.0.1:" + server.address().port + path;
  for (const path of ["/esm", "/cjs"]) {
    const ws = await esm.connect(url(path));
    await ws.send("hi");
    check(await ws.receive() === "hi", "attach: " + path);
    await ws.close();
  }
  check((await rejection(esm.connect(url("/")))).body === "a page", "attach: nobody takes it");
  for (const one of attached) await one.close();
  check(server.listenerCount("upgrade") === 0, "no listener");
  server.close();
  console.log(wrong.length === 0 ? "all holds" : wrong.join("\\n"));
`;
