import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  comparePatterns,
  matches,
  parsePath,
  parsePattern,
  readParams,
} from "../../src/server/route_pattern.ts";
import { test } from "../support/test.ts";

/** The parameters that `pattern` finds in `pathname`; false when it does not match. */
function find(
  pattern: string,
  pathname: string,
): Readonly<Record<string, string>> | "malformed" | false {
  const parsed = parsePattern(pattern);
  const path = parsePath(pathname);
  return matches(parsed, path) && (readParams(parsed, path) ?? "malformed");
}

test("matches compares segments", () => {
  const table: readonly (readonly [string, string, ReturnType<typeof find>])[] = [
    ["/", "/", {}],
    ["/", "/a", false],
    ["/a", "/a", {}],
    ["/a", "/a/", false],
    ["/a/", "/a/", {}],
    ["/a/", "/a", false],
    ["/a", "/A", false],
    ["/a//b", "/a//b", {}],
    ["/a/b", "/a//b", false],
    ["/rooms/:room", "/rooms/lobby", { room: "lobby" }],
    ["/rooms/:room", "/rooms/", false],
    ["/rooms/:room", "/rooms", false],
    ["/rooms/:room", "/rooms/a/b", false],
    ["/:a/:b", "/x/y", { a: "x", b: "y" }],
    ["/:a/edit", "/x/edit", { a: "x" }],
    ["/*", "/", { "*": "" }],
    ["/*", "/a/b/", { "*": "a/b/" }],
    ["/static/*", "/static/", { "*": "" }],
    ["/static/*", "/static", false],
    ["/static/*", "/staticx/a", false],
    ["/static/*", "/static/a/b.css", { "*": "a/b.css" }],
    ["/:user/files/*", "/ann/files/x", { user: "ann", "*": "x" }],
  ];
  for (const [pattern, pathname, expected] of table) {
    assertEquals(find(pattern, pathname), expected, `${pattern} ${pathname}`);
  }
});

test("matches and readParams decode a segment once, behind its slashes", () => {
  const table: readonly (readonly [string, string, ReturnType<typeof find>])[] = [
    ["/café", "/caf%C3%A9", {}],
    ["/caf%C3%A9", "/caf%c3%a9", {}],
    ["/a", "/%61", {}],
    ["/:name", "/J%C3%BCrgen%20B", { name: "Jürgen B" }],
    ["/:name", "/a%2Fb", { name: "a/b" }],
    ["/:name", "/%2541", { name: "%41" }],
    ["/:name", "/a+b", { name: "a+b" }],
    ["/a/:b", "/a%2Fb", false],
    ["/*", "/a%20b/c", { "*": "a b/c" }],
    ["/:name", "/%zz", "malformed"],
    ["/:name", "/%C3", "malformed"],
    ["/:name", "/%", "malformed"],
    ["/*", "/a/%ff", "malformed"],
    ["/a", "/%zz", false],
    ["/:a/x", "/%zz/y", false],
  ];
  for (const [pattern, pathname, expected] of table) {
    assertEquals(find(pattern, pathname), expected, `${pattern} ${pathname}`);
  }
});

test("readParams gives own properties, whatever their names", () => {
  const params = find("/:__proto__/:constructor", "/a/b");
  assertEquals(Object.entries(params), [["__proto__", "a"], ["constructor", "b"]]);
});

test("parsePattern refuses what cannot match, naming the pattern", () => {
  const table: readonly (readonly [string, string])[] = [
    ["", 'begins with "/"'],
    ["rooms", 'begins with "/"'],
    ["*", 'begins with "/"'],
    ["https://example.org/", 'begins with "/"'],
    ["/a?b", "without query"],
    ["/a#b", "without query"],
    ["/a b", "without query"],
    ["/a\\b", "without query"],
    ["/*/a", '"*" as the last segment only'],
    ["/*/", '"*" as the last segment only'],
    ["/a*", "as a whole segment"],
    ["/**", "as a whole segment"],
    ["/:", "as a whole segment"],
    ["/:a-b", "as a whole segment"],
    ["/:a.json", "as a whole segment"],
    ["/:1", "as a whole segment"],
    ["/:a*", "as a whole segment"],
    ["/:a/:a", "each name once"],
    ["/%zz", "valid percent-encoding"],
    ["/.", 'without "." and ".."'],
    ["/a/../b", 'without "." and ".."'],
    ["/a/%2e%2E", 'without "." and ".."'],
  ];
  for (const [pattern, message] of table) {
    const error = assertThrows(() => parsePattern(pattern), TypeError, message);
    assertEquals(error.message.endsWith(`got the route ${JSON.stringify(pattern)}`), true);
  }
});

const ORDERED = [
  "/a/b/c",
  "/a/b/:x",
  "/a/b/*",
  "/a/:x/c",
  "/a/:x/:y",
  "/a/:x/*",
  "/a/:x",
  "/a/*",
  "/:x/b",
  "/:x/*",
  "/:x",
  "/*",
];

test("comparePatterns puts literal before :name before *, from the left, in any order", () => {
  fc.assert(fc.property(
    fc.shuffledSubarray(ORDERED, { minLength: ORDERED.length }),
    (shuffled) => {
      const sorted = shuffled.map(parsePattern).sort(comparePatterns).map(({ text }) => text);
      // Between patterns that no path matches both of, the order means nothing.
      const best = (pathname: string) =>
        sorted.find((pattern) => find(pattern, pathname) !== false);
      assertEquals(
        ["/a/b/c", "/a/b/d", "/a/b/c/d", "/a/x/c", "/a/x/d", "/a/x/c/d", "/a/x", "/a/", "/z/b"]
          .map(best),
        [
          "/a/b/c",
          "/a/b/:x",
          "/a/b/*",
          "/a/:x/c",
          "/a/:x/:y",
          "/a/:x/*",
          "/a/:x",
          "/a/*",
          "/:x/b",
        ],
      );
      assertEquals(["/z/y", "/z", "/"].map(best), ["/:x/*", "/:x", "/*"]);
    },
  ));
});

test("comparePatterns finds patterns that match the same paths equal", () => {
  const equal = (a: string, b: string) => comparePatterns(parsePattern(a), parsePattern(b)) === 0;
  assertEquals(equal("/rooms/:room", "/rooms/:id"), true);
  assertEquals(equal("/a", "/%61"), true);
  assertEquals(equal("/a/:x", "/b/:x"), false);
  assertEquals(equal("/:x", "/*"), false);
});

test("parsePath and matches take any path, and a literal pattern matches itself only", () => {
  const segment = fc.stringMatching(/^[a-z%.*:-]{0,4}$/);
  const path = fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
  fc.assert(fc.property(path, path, (a, b) => {
    assertEquals(typeof find("/*", a), find("/*", a) === "malformed" ? "string" : "object");
    if (/[%*:]|\/\.{1,2}(\/|$)/.test(a) || /%/.test(b)) return;
    assertEquals(find(a, b) !== false, a === b);
  }));
});
