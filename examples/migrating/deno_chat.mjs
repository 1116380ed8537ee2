// The chat with Deno.serve().

const people = new Set();

function tell(text) {
  for (const other of people) if (other.readyState === WebSocket.OPEN) other.send(text);
}

Deno.serve({
  port: Number(Deno.args[0] ?? 8002),
  hostname: "127.0.0.1",
  onListen: ({ port }) => console.log(`Listening on http://127.0.0.1:${port}/`),
}, (request) => {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname !== "/chat") return new Response("Nothing here", { status: 404 });
  const name = searchParams.get("name");
  if (name === null) return new Response("Who are you?", { status: 401 });
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("Upgrade, please", { status: 426 });
  }
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => {
    tell(`${name} joined`);
    people.add(socket);
  };
  socket.onmessage = ({ data }) => {
    if (data === "/quit") socket.close(4000, "Goodbye");
    else tell(`${name}: ${data}`);
  };
  socket.onclose = () => {
    people.delete(socket);
    tell(`${name} left`);
  };
  return response;
});
