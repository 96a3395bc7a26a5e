/** What the page shows of the request for it. */
export interface RequestInfo {
  readonly method: string;
  readonly url: string;
  readonly address: string;
  readonly https: boolean;
  readonly params: [name: string, value: string][];
  /** Port of the FastCGI server, for the configuration of a web server. */
  readonly fastcgiPort: number;
}

const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f5f2, #16181c);
  --card: light-dark(#ffffff, #1f2228);
  --ink: light-dark(#22252b, #e6e7ea);
  --soft: light-dark(#666b76, #9aa0ac);
  --line: light-dark(#e2e0da, #32363f);
  --accent: light-dark(#2f6f4f, #7fd1a5);
  --on-accent: light-dark(#ffffff, #10231a);
  --alarm: light-dark(#8f2d1f, #f0a595);
  --on-alarm: light-dark(#ffffff, #2b0f09);
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 64rem; margin: 0 auto; padding: 3rem 1.25rem; display: grid; gap: 1.25rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)) }
header, .wide { grid-column: 1 / -1 }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -.02em }
header p { margin: .5rem 0 0; color: var(--soft); max-width: 42rem }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem;
  min-width: 0 }
h2 { margin: 0 0 .75rem; font-size: 1rem }
dl { margin: 0; display: grid; gap: .9rem 2rem; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)) }
dt, .hint { color: var(--soft); font: .8125rem/1.5 system-ui, sans-serif }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere }
form { display: flex; gap: .5rem; flex-wrap: wrap }
input { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line);
  border-radius: .5rem; padding: .5rem .75rem; flex: 1 1 8rem; min-width: 0 }
button { font: inherit; font-weight: 600; border: 0; border-radius: .5rem; padding: .5rem 1rem; cursor: pointer;
  background: var(--accent); color: var(--on-accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
output { display: block; margin-top: .75rem; min-height: 3em; overflow-wrap: anywhere }
code, td, th, #digest, #events { font-family: ui-monospace, monospace; font-size: .8125rem }
#events { list-style: none; margin: 0; padding: 0; min-height: 6rem }
pre { margin: 0 0 1rem; padding: .75rem; background: var(--ground); border-radius: .5rem; overflow-x: auto;
  font: .8125rem/1.5 ui-monospace, monospace }
pre:last-child { margin-bottom: 0 }
h3 { margin: 0 0 .375rem; font-size: .875rem }
#gone { margin: 0; padding: .75rem 1rem; border-radius: .5rem; background: var(--alarm); color: var(--on-alarm) }
[hidden] { display: none }
#events li:first-child { color: var(--accent); font-weight: 600 }
table { width: 100%; border-collapse: collapse; table-layout: fixed }
th, td { text-align: left; vertical-align: top; padding: .375rem .75rem .375rem 0;
  border-top: 1px solid var(--line); overflow-wrap: anywhere }
th { width: 40%; font-weight: 400; color: var(--soft) }
tr:first-child > * { border-top: 0 }
@media (max-width: 40rem) {
  th, td { display: block; width: auto }
  td { border-top: 0; padding-top: 0 }
  th { padding-bottom: 0 }
}
`;

const SCRIPT = `
const byId = (id) => document.getElementById(id);
const show = (id, text) => { byId(id).textContent = text };
const post = async (path, init) => {
  const response = await fetch(path, { method: "POST", ...init }).catch(() => {
    throw "The server does not respond.";
  });
  if (response.ok) return response.json();
  throw response.status === 502 || response.status === 504
    ? "The web server responds, but the application does not (" + response.status + ")."
    : "The application responds with an error: " + response.status + " " + response.statusText;
};
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  post("greeting", { body: new URLSearchParams(new FormData(event.target)) })
    .then(({ greeting }) => show("greeting", greeting), (reason) => show("greeting", reason));
});
byId("upload").addEventListener("submit", (event) => {
  event.preventDefault();
  const [file] = byId("file").files;
  if (!file) return show("digest", "Choose a file first.");
  show("digest", "Sending " + file.name);
  post("upload", { body: file }).then(
    ({ length, sha256 }) => show("digest", length.toLocaleString("en") + " bytes, SHA-256 " + sha256),
    (reason) => show("digest", reason));
});
const listen = () => {
  const source = new EventSource("events");
  source.onopen = () => { byId("gone").hidden = true };
  source.onerror = () => {
    byId("gone").hidden = false;
    // The browser tries again by itself, but not after a response such as 502.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
  source.onmessage = ({ data }) => {
    const item = document.createElement("li");
    item.textContent = data;
    byId("events").prepend(item);
    if (byId("events").children.length > 5) byId("events").lastChild.remove();
  };
};
listen();
`;

/** Renders the page. */
export function page({ method, url, address, https, params, fastcgiPort }: RequestInfo): string {
  const software = params.find(([name]) => name === "SERVER_SOFTWARE")?.[1];
  const rows = params.map(
    ([name, value]) => `<tr><th scope="row">${escapeHTML(name)}<td>${escapeHTML(value)}`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Express over FastCGI</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<main>
<header>
  <h1>Express over FastCGI</h1>
  <p id="way">Your browser sent this request over HTTP to ${webServer(software)}, which sent it over FastCGI to
  this application. This is what the application knows of it.</p>
</header>
<p class="wide" id="gone" role="status" hidden>The server does not respond. If you stopped it, start it again with
<code>npm start</code>: this page then goes on by itself.</p>
<section class="wide">
  <h2>Request</h2>
  <dl>
    <div><dt>Method<dd id="method">${escapeHTML(method)}</div>
    <div><dt>URL<dd id="url">${escapeHTML(url)}</div>
    <div><dt>Your address<dd id="address">${escapeHTML(address)}</div>
    <div><dt>HTTPS<dd id="https">${https ? "yes" : "no"}</div>
  </dl>
</section>
<section>
  <h2>Form</h2>
  <form id="form"><input name="name" placeholder="Your name" aria-label="Your name" autocomplete="off"><button>Greet</button></form>
  <output id="greeting"><span class="hint">Parsed by express.urlencoded().</span></output>
</section>
<section>
  <h2>Upload</h2>
  <form id="upload"><input id="file" type="file" aria-label="File"><button>Send</button></form>
  <output id="digest"><span class="hint">Streamed: any size, no temporary file.</span></output>
</section>
<section>
  <h2>Events</h2>
  <ul id="events" aria-label="Server-sent events"></ul>
  <div class="hint">One a second, by the application's clock.</div>
</section>
<section class="wide">
  <h2>See this page through your own web server</h2>
  <h3>nginx, in a <code>server</code> block</h3>
  <pre>location / {
    include /etc/nginx/fastcgi_params;
    fastcgi_pass 127.0.0.1:${fastcgiPort};
}</pre>
  <h3>Caddy, in a <code>Caddyfile</code></h3>
  <pre>:8081
reverse_proxy 127.0.0.1:${fastcgiPort} {
    transport fastcgi
}</pre>
</section>
<section class="wide">
  <h2>Meta-variables <code>req.socket.params</code></h2>
  <table id="params">${rows.join("\n")}</table>
</section>
</main>
<script>${SCRIPT}</script>
</html>
`;
}

/** Names the web server; the gateway of this package calls itself serve-fastcgi. */
function webServer(software: string | undefined): string {
  if (software === undefined) return "a web server";
  return software === "serve-fastcgi" ? "the gateway of serve-fastcgi" : escapeHTML(software);
}

function escapeHTML(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
