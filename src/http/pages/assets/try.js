// Try it: sends what a form says to this very server, with a test key, and shows what comes back.
"use strict";

(() => {
  const surface = document.querySelector("[data-surface]").dataset.surface;
  const forms = [...document.querySelectorAll("form.try")];
  const bar = document.querySelector(".keybar");
  if (!bar) return;
  const key = bar.querySelector("#key");
  const kept = `keyhouse-${surface}`; // in sessionStorage: this tab, until it is closed
  const wanted = { v1: "sx_test_", dev: "shx_", checkout: "cs_", portal: "ses_" }[surface];
  const headersShown = ["idempotent-replayed", "ratelimit-remaining", "retry-after", "x-request-id"];
  const LIVE = "This is a live key: what it does is real. Only test keys are taken here. Nothing was sent.";

  key.value ||= sessionStorage.getItem(kept) ?? "";
  key.addEventListener("input", keep);
  bar.hidden = false;

  for (const form of forms) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form);
    });
    form.addEventListener("input", () => showCurl(form));
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
  }

  function keep() {
    key.value = key.value.trim();
    if (isLive(key.value)) sessionStorage.removeItem(kept);
    else sessionStorage.setItem(kept, key.value);
  }

  function isLive(text) {
    return text.startsWith("sx_live_");
  }

  // Why this will not be sent; nothing, if it may.
  async function refusal(form, request) {
    if (isLive(key.value)) return LIVE;
    if (form.dataset.credential) {
      const what = ["checkout", "portal"].includes(surface) ? "a session token" : "a test key";
      if (!key.value.startsWith(wanted)) return `Put ${what} (${wanted}…) into the field above first. Nothing was sent.`;
      if (surface === "portal" && form.dataset.method !== "GET") {
        return "What a session does is real, so only reads are tried here. Nothing was sent.";
      }
      if (surface === "dev" && !(await actsOnSandbox())) return LIVE;
    } else if (surface === "checkout" && form.dataset.method === "POST" && opensLive(request.body)) {
      return 'Only test checkouts are opened here: put "mode": "test" into the body. Nothing was sent.';
    }
    return "";
  }

  // Of a developer key its text does not say what it acts on; the server does.
  let asked = {};
  async function actsOnSandbox() {
    if (asked.key !== key.value) {
      const answer = await fetch("/dev/v1/me/capabilities", { headers: { Authorization: `Bearer ${key.value}` } });
      if (answer.status === 401) return true; // not a key at all: the call itself will say so
      if (!answer.ok) return false;
      asked = { key: key.value, sandbox: (await answer.json()).data.features.sandbox === true };
    }
    return asked.sandbox;
  }

  function opensLive(body) {
    try {
      return JSON.parse(body).mode !== "test";
    } catch {
      return false; // no JSON, no session: the server will say what is wrong with it
    }
  }

  function read(form) {
    const headers = { Accept: "application/json" };
    const query = new URLSearchParams();
    let path = form.dataset.path;
    for (const field of form.querySelectorAll("[data-in]")) {
      const value = field.value.trim();
      if (!value) continue;
      if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
      if (field.dataset.in === "query") query.set(field.name, value);
      if (field.dataset.in === "header") headers[field.name] = value;
    }
    const body = form.elements.body?.value;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return { path: path + (query.size ? `?${query}` : ""), method: form.dataset.method, headers, body };
  }

  async function send(form) {
    const request = read(form);
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      const refused = await refusal(form, request);
      if (refused) return show(form, "Not sent", "refused", refused, []);
      if (form.dataset.credential) request.headers.Authorization = `Bearer ${key.value}`;
      const started = performance.now();
      const answer = await fetch(request.path, { ...request, redirect: "error" });
      const text = await answer.text();
      const took = `${Math.round(performance.now() - started)} ms`;
      const told = headersShown.filter((name) => answer.headers.has(name)).map((name) => [name, answer.headers.get(name)]);
      show(form, `${answer.status} ${answer.statusText}`, answer.ok ? "good" : "bad", pretty(text), [["took", took], ...told]);
      if (answer.ok) carryOn(form, text);
    } catch (error) {
      show(form, "No answer", "bad", `The server did not answer: ${error.message}`, []);
    } finally {
      button.disabled = false;
    }
  }

  // What was made or listed here is what the next calls are about.
  function carryOn(form, text) {
    let thing;
    try {
      thing = JSON.parse(text);
    } catch {
      return;
    }
    thing = thing.data ?? thing;
    if (Array.isArray(thing)) thing = thing[0] ?? {};
    if (["checkout", "portal"].includes(surface) && thing.token) {
      key.value = thing.token;
      keep();
    }
    const collection = form.dataset.path.replace(/\/\{[^}]*\}$/, "") + "/{";
    for (const other of forms.filter((other) => thing.id && other.dataset.path.startsWith(collection))) {
      const field = other.elements[other.dataset.path.slice(collection.length).split("}")[0]];
      if (!field.value || field.dataset.filled) {
        field.value = thing.id;
        field.dataset.filled = "yes";
        showCurl(other);
      }
    }
  }

  function pretty(text) {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }

  function show(form, status, kind, text, facts) {
    const line = element("p", "outcome");
    line.append(element("b", `status ${kind}`, status));
    for (const [name, value] of facts) line.append(element("span", "", `${name}: ${value}`));
    const shown = kind === "refused" ? element("p", "why", text) : element("pre", "");
    if (kind !== "refused") {
      shown.tabIndex = 0;
      shown.append(...coloured(text));
    }
    form.querySelector(".answer").replaceChildren(line, shown);
  }

  // The same colours as the examples': names, texts, and the rest.
  function coloured(text) {
    return text.split(/("(?:[^"\\]|\\.)*"(?:\s*:)?)/).map((part) => {
      if (!part.startsWith('"')) return part;
      return element("span", part.endsWith(":") ? "name" : "text", part);
    });
  }

  function element(name, classes, text = "") {
    const made = document.createElement(name);
    if (classes) made.className = classes;
    made.textContent = text;
    return made;
  }

  function showCurl(form) {
    const { path, method, headers, body } = read(form);
    const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${quote(form.dataset.url + path)}`];
    const variable = { key: "$KEY", token: "$TOKEN" }[form.dataset.credential];
    if (variable) lines.push(`-H "Authorization: Bearer ${variable}"`);
    delete headers.Accept;
    for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quote(`${name}: ${value}`)}`);
    if (body !== undefined) lines.push(`-d ${quote(body.replaceAll("\n", "\n  "))}`);
    form.closest(".operation").querySelector("[data-curl] code").textContent = lines.join(" \\\n  ");
  }
})();
