import assert from "node:assert/strict";
import { Socket } from "node:net";
import test from "node:test";
import { type MountedRequest, type SiteOptions, writeRequestParams } from "../../src/cgi/request-params.ts";

/** A request as `node:http` makes it, without a connection. */
function request(url: string, fields: string[] = [], more: Partial<MountedRequest> = {}): MountedRequest {
  const headers: Record<string, string> = {};
  for (let i = 0; i < fields.length; i += 2) headers[fields[i]!.toLowerCase()] ??= fields[i + 1]!;
  return {
    method: "GET",
    url,
    httpVersion: "1.1",
    headers,
    rawHeaders: fields,
    socket: new Socket(),
    ...more,
  };
}

function paramsOf(req: MountedRequest, site?: SiteOptions): Record<string, string> {
  return Object.fromEntries(writeRequestParams(req, site));
}

/** SCRIPT_NAME, PATH_INFO and SCRIPT_FILENAME. */
function scriptOf(req: MountedRequest, site?: SiteOptions): (string | undefined)[] {
  const params = paramsOf(req, site);
  return [params.SCRIPT_NAME, params.PATH_INFO, params.SCRIPT_FILENAME];
}

test("passes the target whole, and its path decoded", () => {
  const params = paramsOf(request("/a%20b/%C3%A4%2F?x=%20"));
  assert.equal(params.REQUEST_URI, "/a%20b/%C3%A4%2F?x=%20");
  assert.equal(params.PATH_INFO, "/a b/\xc3\xa4/");
  assert.equal(params.QUERY_STRING, "x=%20");
});

test("leaves %00 and what is no encoding as they are", () => {
  assert.equal(paramsOf(request("/a%00b%zz%2")).PATH_INFO, "/a%00b%zz%2");
});

test("takes the path out of an absolute target, and none out of *", () => {
  assert.equal(paramsOf(request("http://a.b:1/c?d")).PATH_INFO, "/c");
  assert.equal(paramsOf(request("http://a.b:1/c?d")).REQUEST_URI, "http://a.b:1/c?d");
  assert.equal(paramsOf(request("*")).PATH_INFO, "");
  assert.equal(paramsOf(request("*")).REQUEST_URI, "*");
});

test("tells a mount prefix by baseUrl, or by what is missing from url", () => {
  const express = (url: string, originalUrl: string, baseUrl: string) =>
    request(url, [], { originalUrl, baseUrl });
  const connect = (url: string, originalUrl: string) => request(url, [], { originalUrl });
  assert.deepEqual(scriptOf(express("/b", "/a/b", "/a")).slice(0, 2), ["/a", "/b"]);
  assert.deepEqual(scriptOf(express("/", "/a", "/a")).slice(0, 2), ["/a", ""]);
  assert.deepEqual(scriptOf(express("/", "/a/", "/a")).slice(0, 2), ["/a", "/"]);
  assert.deepEqual(scriptOf(express("/rewritten", "/a", "")).slice(0, 2), ["", "/rewritten"]);
  assert.deepEqual(scriptOf(connect("/b?c", "/a/b?c")).slice(0, 2), ["/a", "/b"]);
  assert.deepEqual(scriptOf(connect("/?c", "/a?c")).slice(0, 2), ["/a", ""]);
  assert.deepEqual(scriptOf(connect("/rewritten", "/a")).slice(0, 2), ["", "/rewritten"]);
});

test("drops Proxy (httpoxy), hop-by-hop fields and names with an underscore", () => {
  const names = [
    "Proxy",
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Upgrade",
    "X_Y",
    "Content_Length",
    "X-Y",
  ];
  const params = paramsOf(
    request(
      "/",
      names.flatMap((name) => [name, "1"]),
    ),
  );
  assert.deepEqual(
    Object.keys(params).filter((name) => /^HTTP_|CONTENT/.test(name)),
    ["HTTP_X_Y"],
  );
});

test("repeats the variable of a repeated field, and joins cookies", () => {
  const params = writeRequestParams(request("/", ["A", "1", "Cookie", "c", "a", "2", "Cookie", "d"]));
  assert.deepEqual(
    params.filter(([name]) => name.startsWith("HTTP_")),
    [
      ["HTTP_A", "1"],
      ["HTTP_COOKIE", "c; d"],
      ["HTTP_A", "2"],
    ],
  );
});

test("sends CONTENT_LENGTH and CONTENT_TYPE where there are any, and not as HTTP_ variables", () => {
  const params = paramsOf(request("/", ["Content-Length", "3", "Content-Type", "a/b"]));
  assert.equal(params.CONTENT_LENGTH, "3");
  assert.equal(params.CONTENT_TYPE, "a/b");
  assert(!("HTTP_CONTENT_LENGTH" in params) && !("HTTP_CONTENT_TYPE" in params));
  const bare = paramsOf(request("/", ["Transfer-Encoding", "chunked"]));
  assert(!("CONTENT_LENGTH" in bare) && !("CONTENT_TYPE" in bare));
  assert.equal(bare.HTTP_TRANSFER_ENCODING, "chunked");
});

test("takes SERVER_NAME from a sane Host field only", () => {
  const serverName = (host: string) => paramsOf(request("/", ["Host", host])).SERVER_NAME;
  assert.equal(serverName("a.b:80"), "a.b");
  assert.equal(serverName("[::1]:80"), "[::1]");
  assert.equal(serverName("a/b"), "localhost");
  assert.equal(serverName('"><script>'), "localhost");
  assert.equal(serverName(""), "localhost");
});

test("says HTTPS for a TLS socket, or when told", () => {
  const socket = Object.assign(new Socket(), { encrypted: true });
  assert.equal(paramsOf(request("/", [], { socket })).HTTPS, "on");
  assert.equal(paramsOf(request("/"), { https: true }).REQUEST_SCHEME, "https");
  assert.equal(paramsOf(request("/", [], { socket }), { https: false }).HTTPS, undefined);
  assert.equal(paramsOf(request("/")).HTTPS, undefined);
});

test("takes the host of an HTTP/2 request from its :authority", () => {
  const params = paramsOf(request("/", [":authority", "a.b", ":path", "/"], { httpVersion: "2.0" }));
  assert.equal(params.HTTP_HOST, "a.b");
  assert.equal(params.SERVER_PROTOCOL, "HTTP/2.0");
  assert(!Object.keys(params).some((name) => name.includes(":")));
});

test("finds the script below documentRoot, and what follows it", () => {
  const site = { documentRoot: "/srv/www/" };
  const expected: Record<string, [string, string]> = {
    "/": ["/index.php", ""],
    "/a.php": ["/a.php", ""],
    "/b/a.php/info/x?y=.php": ["/b/a.php", "/info/x"],
    "/b/": ["/b/index.php", ""],
    "/b/c": ["/b/index.php", ""],
    "/a.phpx/b": ["/a.phpx/index.php", ""],
  };
  for (const [url, [script, info]] of Object.entries(expected)) {
    assert.deepEqual(scriptOf(request(url), site), [script, info, `/srv/www${script}`], url);
  }
});

test("never names a script outside documentRoot", () => {
  for (const path of [
    "/../x.php",
    "/%2e%2e/x.php",
    "/a/..%2f../x.php",
    "/..\\x.php",
    "/a/%2E%2E%5c..%5cx.php",
  ]) {
    assert.equal(scriptOf(request(path), { documentRoot: "/srv" })[2], "/srv/x.php", path);
  }
  assert.equal(scriptOf(request("/../../.."), { documentRoot: "/srv" })[2], "/srv/index.php");
});

test("sends every path to scriptFilename, if one is given", () => {
  const site = { scriptFilename: "/srv/www/front.php" };
  assert.deepEqual(scriptOf(request("/a/b"), site), ["/front.php", "/a/b", "/srv/www/front.php"]);
  assert.deepEqual(scriptOf(request("/front.php/a"), site), ["/front.php", "/a", "/srv/www/front.php"]);
  assert.equal(paramsOf(request("/"), site).DOCUMENT_ROOT, "/srv/www");
  const mounted = request("/a", [], { originalUrl: "/blog/a", baseUrl: "/blog" });
  assert.deepEqual(scriptOf(mounted, site).slice(0, 2), ["/blog/front.php", "/a"]);
});

test("adds, replaces and leaves out variables as told, in UTF-8", () => {
  const params = paramsOf(request("/x"), {
    params: (req) => ({ REMOTE_USER: "ü", REQUEST_METHOD: "PUT", SERVER_SOFTWARE: undefined, URL: req.url }),
  });
  assert.equal(params.REMOTE_USER, "\xc3\xbc");
  assert.equal(params.REQUEST_METHOD, "PUT");
  assert.equal(params.URL, "/x");
  assert(!("SERVER_SOFTWARE" in params));
});
