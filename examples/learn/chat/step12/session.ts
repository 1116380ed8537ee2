import { readForm } from "@sansocket/ws";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import process from "node:process";

const secret = process.env["SECRET"] ?? randomBytes(32);

function sign(text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}

/** Answers the form of the login page with a cookie that only this server can have made. */
export async function logIn(request: Request): Promise<Response> {
  const name = (await readForm(request)).get("name", "").trim();
  if (name.length < 1 || name.length > 30) {
    return new Response("Expected a name of 1 to 30 characters\n", { status: 400 });
  }
  const user = encodeURIComponent(name);
  return redirect("/", `user=${user}.${sign(user)}; HttpOnly; SameSite=Lax; Max-Age=86400`);
}

/** Returns the name in the cookie of a request, if this server has signed it. */
export function userOf(request: Request): string | undefined {
  const cookie = request.headers.get("cookie") ?? "";
  const [, user = "", signature = ""] = cookie.match(/(?:^|; )user=([^;]+)\.([\w-]{43})/) ?? [];
  const isOurs = timingSafeEqual(Buffer.from(signature.padEnd(43)), Buffer.from(sign(user)));
  return isOurs ? decodeURIComponent(user) : undefined;
}

export function redirect(location: string, cookie?: string): Response {
  const headers = new Headers({ location });
  if (cookie !== undefined) headers.set("set-cookie", cookie);
  return new Response(null, { status: 303, headers });
}
