// The API explorer: reads openapi.json of this server, shows its operations, and calls them. It speaks to no other host.
// The key stays in this tab (sessionStorage) and is sent to this origin alone. All text is set as text, never as markup.

const base = new URL(".", location.href);
const $ = (id) => document.getElementById(id);
const KEY = "ai-server.key";
let doc, operations = new Map(), models = [], current = null;

function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// Text in which `this` is code.
const rich = (text) => text.split("`").map((piece, at) => (at % 2 ? el("code", {}, piece) : piece)).filter((piece) => piece !== "");

// ---- the document -----------------------------------------------------------------------------------------------------

function follow(thing) {
  while (thing && thing.$ref) thing = thing.$ref.slice(2).split("/").reduce((at, step) => at?.[step.replace(/~1/g, "/")], doc);
  return thing || {};
}

function kind(schema, deep = 0) {
  const named = schema?.$ref?.split("/").pop();
  schema = follow(schema);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  const several = schema.anyOf || schema.oneOf;
  if (several) return several.map((one) => kind(one, deep + 1)).filter((one) => one !== "null").join(" | ");
  if (schema.type === "array") return deep > 3 ? "array" : `array of ${kind(schema.items || {}, deep + 1) || "anything"}`;
  if (schema.format === "binary") return "file";
  return named || [schema.type].flat().join(" | ") || "anything";
}

function plain(schema) { // the first of a choice that is not null
  schema = follow(schema);
  const several = schema.anyOf || schema.oneOf;
  return several ? plain(several.find((one) => one.type !== "null")) : schema;
}

function bounds(schema) {
  schema = { ...plain(schema), ...follow(schema) };
  const told = [];
  if (schema.minimum !== undefined) told.push(`from ${schema.minimum}`);
  if (schema.maximum !== undefined) told.push(`to ${schema.maximum}`);
  if (schema.default !== undefined && schema.default !== null) told.push(`default ${JSON.stringify(schema.default)}`);
  return told.join(", ");
}

async function start() {
  try {
    const answer = await fetch(new URL("openapi.json", base));
    if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
    doc = await answer.json();
  } catch (error) {
    $("hint").textContent = `The description of this server can't be read: ${error.message}`;
    return;
  }
  $("version").textContent = doc.info.version;
  document.title = `${doc.info.title}: API explorer`;
  for (const [path, item] of Object.entries(doc.paths))
    for (const [verb, operation] of Object.entries(item))
      operations.set(operation.operationId, { ...operation, path, verb });
  list();
  keyed();
  route();
}

/** Who may call it: everybody (nothing), whoever has a key (a key), an administrator (a padlock). */
function mark(operation) {
  const security = operation.security ?? doc.security ?? [];
  if (!security.length || security.some((one) => !Object.keys(one).length)) return null;
  const admin = operation.path.startsWith("/admin") || operation.tags[0] === "Admin";
  const words = admin ? "needs an administrator's key" : "needs a key";
  return el("span", { class: "mark", role: "img", title: words, "aria-label": words }, admin ? "\u{1F512}" : "\u{1F511}");
}

function list() {
  const groups = doc.tags.map((tag) => {
    const own = [...operations.values()].filter((one) => one.tags[0] === tag.name);
    const links = own.map((one) =>
      el("a", { href: `#${encodeURIComponent(one.operationId)}`, "data-words": `${one.verb} ${one.path} ${one.summary} ${one.operationId}`.toLowerCase() },
        el("span", { class: `verb ${one.verb}` }, one.verb), el("span", { class: "way", title: one.summary }, one.path), mark(one)));
    return el("details", {}, el("summary", {}, `${tag.name} `, el("span", { class: "soft" }, String(own.length))), ...links);
  });
  $("list").replaceChildren(...groups);
}

function search() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const group of $("list").children) {
    let hits = 0;
    for (const link of group.querySelectorAll("a")) {
      link.hidden = !words.every((word) => link.dataset.words.includes(word));
      hits += !link.hidden;
    }
    group.hidden = !hits;
    group.open = words.length ? true : !!group.querySelector("[aria-current]");
  }
}

function route() {
  const name = decodeURIComponent(location.hash.slice(1));
  if (name === "main") return;
  const operation = operations.get(name);
  for (const link of document.querySelectorAll("nav a")) {
    const here = !!operation && link.getAttribute("href") === `#${encodeURIComponent(name)}`;
    here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
    if (here) { link.parentElement.open = true; link.scrollIntoView({ block: "nearest" }); }
  }
  document.body.classList.remove("open");
  $("menu").setAttribute("aria-expanded", "false");
  if (operation) show(operation); else welcome();
}

function welcome() {
  $("main").replaceChildren(
    el("h2", {}, doc.info.title), el("p", {}, ...rich(doc.info.description)),
    el("p", {}, "Paste a key above; it stays in this tab and is sent to this server alone. Then choose an operation: its example is filled in."),
    el("p", {}, el("a", { href: "openapi.json" }, "openapi.json"), " · ", el("a", { href: "openapi.yaml" }, "openapi.yaml"), " · ",
      el("a", { href: "asyncapi.json" }, "asyncapi.json"), " · ", el("a", { href: "types" }, "typed clients")));
}

// ---- the key ----------------------------------------------------------------------------------------------------------

const key = () => sessionStorage.getItem(KEY) || "";

async function keyed() {
  models = [];
  const state = $("keystate");
  if (!key()) { state.textContent = ""; return; }
  try {
    const answer = await fetch(new URL("v1/models", base), { headers: { Authorization: `Bearer ${key()}` } });
    state.textContent = answer.ok ? "good" : `refused (${answer.status})`;
    state.className = answer.ok ? "good" : "bad";
    if (answer.ok) models = (await answer.json()).data || [];
  } catch { state.textContent = "no answer"; state.className = "bad"; }
  if (current) fill(current);
}

// An example names a model that this server may not have: take one that it has.
function suited(example) {
  if (!example || typeof example !== "object" || typeof example.model !== "string" || !models.length) return example;
  if (models.some((one) => one.id === example.model)) return example;
  const op = "input" in example && !("messages" in example) && /minilm|embed/.test(example.model) ? "embeddings" : "chat";
  const found = models.find((one) => one.operations?.includes(op));
  return found ? { ...example, model: found.id } : example;
}

// ---- one operation ----------------------------------------------------------------------------------------------------

function show(operation) {
  const parameters = (operation.parameters || []).map(follow);
  const content = operation.requestBody ? follow(operation.requestBody).content : null;
  const view = current = { operation, inputs: [], content, kinds: content ? Object.keys(content) : [], form: [], touched: false };
  const parts = [
    el("h2", {}, el("span", { class: `verb ${operation.verb}` }, operation.verb), operation.path, mark(operation)),
    el("p", {}, operation.summary || ""),
    operation.description ? el("p", { class: "soft" }, ...rich(operation.description)) : null,
  ];
  const needed = parameters.filter((one) => one.required || (one.in !== "header" && one.example !== undefined));
  const others = parameters.filter((one) => !needed.includes(one));
  if (needed.length) parts.push(el("h3", {}, "Parameters"), ...needed.map((one) => parameter(view, one)));
  if (others.length)
    parts.push(el("details", {}, el("summary", {}, `More parameters and headers (${others.length})`), ...others.map((one) => parameter(view, one))));
  if (content) parts.push(el("h3", {}, "Body"), ...body(view));
  view.send = el("button", { class: "main", type: "button", onclick: () => call(view) }, "Send");
  view.stop = el("button", { type: "button", disabled: true, onclick: () => view.abort?.abort() }, "Stop");
  view.curl = el("pre", { "aria-label": "The same call with curl", tabindex: "0" });
  view.result = el("section", { "aria-live": "polite", "aria-label": "Answer" });
  const copy = el("button", { type: "button", onclick: async () => {
    await navigator.clipboard?.writeText(view.curl.textContent);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  } }, "Copy");
  parts.push(el("div", { class: "row" }, view.send, view.stop, el("span", { class: "soft" }, "Ctrl+Enter")),
    view.result, el("div", { class: "row" }, el("strong", {}, "curl"), copy), view.curl, answers(operation));
  $("main").replaceChildren(...parts.filter(Boolean));
  $("main").scrollTop = 0;
  $("main").oninput = () => curl(view);
  fill(view);
}

function parameter(view, one) {
  const schema = plain(one.schema || one.content?.["application/json"]?.schema);
  const input = editor(schema, one.example);
  view.inputs.push({ one, input });
  return field(one.name, input, one.required, [one.in === "query" ? "" : one.in, one.description || "", bounds(one.schema)]);
}

let numbered = 0;
function field(name, input, needed, texts) {
  input.id = `field-${numbered++}`;
  const text = texts.filter(Boolean).join(" · ");
  return el("div", { class: "field" }, el("label", { for: input.id, class: needed ? "need" : "" }, name), input, text ? el("p", {}, ...rich(text)) : null);
}

function editor(schema, example) {
  if (schema.format === "binary") return el("input", { type: "file" });
  if (schema.type === "array" && plain(schema.items || {}).format === "binary") return el("input", { type: "file", multiple: true });
  const choices = schema.enum || (schema.type === "boolean" ? [true, false] : null);
  if (!choices) {
    const text = example === undefined || example === null ? "" : typeof example === "string" ? example : JSON.stringify(example);
    return el("input", { type: "text", value: text, placeholder: kind(schema), spellcheck: "false", autocomplete: "off" });
  }
  const options = ["", ...choices].map((one) => el("option", { value: String(one), selected: one === example }, String(one)));
  return el("select", {}, ...options);
}

function body(view) {
  view.choice = el("select", { "aria-label": "Content type", onchange: () => swap(view) }, ...view.kinds.map((one) => el("option", {}, one)));
  view.place = el("div");
  return [el("div", { class: "row" }, view.choice), view.place];
}

function swap(view) {
  const chosen = view.choice.value, part = view.content[chosen], schema = follow(part.schema);
  view.form = []; view.text = view.file = null;
  if (chosen.startsWith("multipart/") || chosen.endsWith("form-urlencoded")) {
    const properties = Object.entries(schema.properties || {}), needed = new Set(schema.required || []);
    const shown = suited(part.example || view.content["application/json"]?.example) || {};
    const rows = properties.map(([name, one]) => {
      const flat = plain(one), isFile = kind(flat).endsWith("file");
      const input = editor(flat, isFile ? undefined : shown[name]);
      view.form.push({ name, input });
      const first = needed.has(name) || isFile || shown[name] !== undefined;
      return { first, node: field(name, input, needed.has(name), [follow(one).description || "", bounds(one)]) };
    });
    const rest = rows.filter((row) => !row.first).map((row) => row.node);
    view.place.replaceChildren(...rows.filter((row) => row.first).map((row) => row.node),
      ...(rest.length ? [el("details", {}, el("summary", {}, `More fields (${rest.length})`), ...rest)] : []));
  } else if (chosen.includes("json") || chosen.startsWith("text/")) {
    const example = suited(part.example);
    view.text = el("textarea", { "aria-label": "Body", spellcheck: "false", oninput: () => (view.touched = true) });
    view.text.value = typeof example === "string" ? example : JSON.stringify(example ?? {}, null, 2);
    view.text.rows = Math.min(22, 3 + view.text.value.split("\n").length);
    view.place.replaceChildren(view.text, fields(schema));
  } else {
    view.file = el("input", { type: "file", "aria-label": "File" });
    view.text = el("textarea", { "aria-label": "Or text", spellcheck: "false" });
    view.text.value = part.example ?? "";
    view.place.replaceChildren(el("div", { class: "row" }, view.file, el("span", { class: "soft" }, "or, as text:")), view.text);
  }
  curl(view);
}

function fill(view) {
  if (view.content && !view.touched) swap(view);
  curl(view);
}

function fields(schema) {
  const needed = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([name, one]) => el("tr", {},
    el("td", { class: needed.has(name) ? "need" : "" }, name), el("td", {}, kind(one)),
    el("td", {}, ...rich([follow(one).description || plain(one).description || "", bounds(one)].filter(Boolean).join(" · ")))));
  return rows.length ? el("details", {}, el("summary", {}, `Fields (${rows.length})`), el("table", {}, ...rows)) : el("span");
}

function answers(operation) {
  const rows = Object.entries(operation.responses).map(([status, one]) => {
    one = follow(one);
    const content = Object.entries(one.content || {}).map(([type, part]) => `${type}: ${kind(part.schema || {})}`);
    const example = Object.values(one.content || {}).find((part) => part.example !== undefined)?.example;
    return el("tr", {}, el("td", {}, status), el("td", {}, ...rich(one.description || ""), el("div", { class: "soft" }, content.join(" · ")),
      example === undefined ? null : el("details", {}, el("summary", {}, "Example"),
        el("pre", {}, typeof example === "string" ? example : JSON.stringify(example, null, 2)))));
  });
  return el("details", {}, el("summary", {}, "Answers"), el("table", {}, ...rows));
}

// ---- the call ---------------------------------------------------------------------------------------------------------

function request(view) {
  const { operation } = view, headers = {}, query = new URLSearchParams();
  let path = operation.path;
  for (const { one, input } of view.inputs) {
    const value = input.value;
    if (one.in === "path") path = path.replace(`{${one.name}}`, value.split("/").map(encodeURIComponent).join("/"));
    else if (value === "") continue;
    else if (one.in === "query") query.append(one.name, value);
    else headers[one.name] = value;
  }
  const url = new URL(path.slice(1) + (query.size ? `?${query}` : ""), base);
  if (key()) headers.Authorization = `Bearer ${key()}`;
  let body, parts = null;
  if (view.content) {
    const chosen = view.choice.value;
    if (view.form.length) {
      parts = [];
      for (const { name, input } of view.form) {
        if (input.type === "file") for (const file of input.files) parts.push([name, file]);
        else if (input.value !== "") parts.push([name, input.value]);
      }
      body = new FormData();
      for (const [name, value] of parts) body.append(name, value);
    } else {
      headers["Content-Type"] = chosen;
      body = view.file?.files[0] || view.text.value;
    }
  }
  return { url, verb: operation.verb.toUpperCase(), headers, body, parts };
}

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

function curl(view) {
  const { url, verb, headers, body, parts } = request(view);
  const words = [`curl ${verb === "GET" ? "" : verb === "HEAD" ? "--head " : `-X ${verb} `}${quoted(url.href)}`];
  for (const [name, value] of Object.entries(headers))
    words.push(name === "Authorization" ? `-H "Authorization: Bearer $AI_SERVER_KEY"` : `-H ${quoted(`${name}: ${value}`)}`);
  if (parts) for (const [name, value] of parts) words.push(value instanceof File ? `-F ${quoted(`${name}=@${value.name}`)}` : `--form-string ${quoted(`${name}=${value}`)}`);
  else if (body instanceof File) words.push(`--data-binary ${quoted(`@${body.name}`)}`);
  else if (body) words.push(`--data-raw ${quoted(body)}`);
  if (body && /"stream"\s*:\s*true/.test(String(body))) words.push("-N");
  view.curl.textContent = words.join(" \\\n  ");
}

async function call(view) {
  const { url, verb, headers, body } = request(view);
  view.abort?.abort();
  const abort = (view.abort = new AbortController());
  view.send.disabled = true; view.stop.disabled = false;
  for (const old of view.urls || []) URL.revokeObjectURL(old);
  view.urls = [];
  const line = el("p", {}, "…"), began = performance.now();
  view.result.replaceChildren(line);
  try {
    const answer = await fetch(url, { method: verb, headers, body, signal: abort.signal, credentials: "omit", redirect: "manual" });
    const status = el("span", { class: answer.ok ? "good" : "bad" }, `${answer.status} ${answer.statusText}`);
    const took = () => ` · ${Math.round(performance.now() - began)} ms · ${answer.headers.get("content-type") || "no body"}`;
    line.replaceChildren(status, took());
    const rows = [...answer.headers].map(([name, value]) => el("tr", {}, el("td", {}, name), el("td", {}, value)));
    view.result.append(el("details", {}, el("summary", {}, `Headers (${rows.length})`), el("table", {}, ...rows)));
    await told(view, answer);
    line.replaceChildren(status, took());
  } catch (error) {
    view.result.append(el("p", { class: "bad" }, error.name === "AbortError" ? "Stopped." : `No answer: ${error.message}`));
  } finally {
    if (view.abort === abort) { view.send.disabled = false; view.stop.disabled = true; }
  }
}

async function told(view, answer) {
  const type = (answer.headers.get("content-type") || "").split(";")[0];
  if (/^(image|audio|video)\//.test(type)) return media(view, await answer.blob());
  if (type === "text/event-stream" || type === "application/x-ndjson") return stream(view, answer);
  if (type.includes("json") || type.startsWith("text/") || /xml|yaml|javascript|subrip/.test(type)) {
    const text = await answer.text();
    let data;
    try { data = JSON.parse(text); } catch { data = undefined; }
    view.result.append(el("pre", { tabindex: "0" }, data === undefined ? text.slice(0, 200000) : JSON.stringify(data, short, 2)));
    if (data !== undefined) await files(view, data);
    return;
  }
  const blob = await answer.blob();
  if (!blob.size) return;
  const url = address(view, blob);
  view.result.append(el("p", {}, el("a", { href: url, download: "answer" }, `Save ${blob.size.toLocaleString()} bytes`)));
}

const short = (_, value) => (typeof value === "string" && value.length > 4000 ? `${value.slice(0, 200)}… (${value.length} characters)` : value);

function address(view, blob) {
  const url = URL.createObjectURL(blob);
  view.urls.push(url);
  return url;
}

function media(view, blob) {
  const src = address(view, blob), type = blob.type.split("/")[0];
  const node = type === "image" ? el("img", { src, alt: "The answer" }) : el(type === "audio" ? "audio" : "video", { src, controls: true });
  let place = view.result.querySelector(".shown");
  if (!place) view.result.firstChild.after((place = el("div", { class: "shown" })));
  place.append(node);
}

// Text as it comes. A chat's words are also shown by themselves, in the words of each wire.
async function stream(view, answer) {
  const words = el("pre", { tabindex: "0", "aria-label": "The text" }), raw = el("pre", { tabindex: "0" });
  view.result.append(words, el("details", {}, el("summary", {}, "Events"), raw));
  words.hidden = true;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    raw.append(value);
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const text = spoken(line.replace(/^data: ?/, ""));
      if (text) { words.hidden = false; words.append(text); }
    }
  }
  if (words.hidden) raw.parentElement.open = true;
}

function spoken(line) {
  if (line[0] !== "{") return "";
  let data;
  try { data = JSON.parse(line); } catch { return ""; }
  const chunk = data.chunk || data;
  const text = chunk.choices?.[0]?.delta?.content ?? chunk.choices?.[0]?.text ?? data.message?.content ?? data.response
    ?? data.delta?.text ?? (typeof data.delta === "string" ? data.delta : undefined) ?? data.candidates?.[0]?.content?.parts?.[0]?.text;
  return typeof text === "string" ? text : "";
}

// Pictures, sound and video that a JSON answer names, by address on this server or as base64.
async function files(view, data) {
  const found = new Set();
  (function walk(value, name) {
    if (typeof value === "string") {
      if (name === "b64_json") found.add(`data:image/png;base64,${value}`);
      else if (/^data:(image|audio|video)\//.test(value)) found.add(value);
      else if (/^(https?:\/\/[^/]+)?\/(artifacts|variants)\//.test(value)) found.add(value);
    } else if (value && typeof value === "object") for (const [inner, one] of Object.entries(value)) walk(one, inner);
  })(data, "");
  for (const one of [...found].slice(0, 12)) {
    if (one.startsWith("data:")) { media(view, packed(one)); continue; }
    const url = new URL(one, base);
    if (url.origin !== base.origin) continue;
    try {
      const answer = await fetch(url, { headers: key() ? { Authorization: `Bearer ${key()}` } : {}, credentials: "omit" });
      const blob = answer.ok ? await answer.blob() : null;
      if (blob && /^(image|audio|video)\//.test(blob.type)) media(view, blob);
    } catch { /* the answer itself is shown all the same */ }
  }
}

function packed(text) {
  const [head, data] = text.split(",", 2), bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(";")[0] });
}

// ---- the page ---------------------------------------------------------------------------------------------------------

$("key").value = key();
$("keyform").addEventListener("submit", (event) => event.preventDefault());
$("key").addEventListener("change", () => {
  const text = $("key").value.trim();
  text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY);
  keyed();
});
$("search").addEventListener("input", search);
$("menu").addEventListener("click", () => $("menu").setAttribute("aria-expanded", String(document.body.classList.toggle("open"))));
addEventListener("hashchange", route);
addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName);
  if (event.key === "/" && !typing) {
    event.preventDefault();
    if (getComputedStyle($("menu")).display !== "none") document.body.classList.add("open");
    $("search").focus();
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && current && !current.send.disabled) {
    event.preventDefault();
    call(current);
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && document.activeElement?.closest("nav")) {
    const all = [$("search"), ...document.querySelectorAll("nav summary, nav a")].filter((one) => one.checkVisibility());
    const next = all[all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) { event.preventDefault(); next.focus(); }
  }
});
start();
