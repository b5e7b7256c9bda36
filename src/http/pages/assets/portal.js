// Forms of the portal: what is entered goes to the API as JSON, and a refusal is shown in the form.
"use strict";

const call = (method, path, body) =>
  fetch(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

const refusal = async (answer) => {
  const { error } = await answer.json().catch(() => ({}));
  const details = (error?.details ?? []).map(({ field, message }) => `${field} ${message}`);
  return details.length ? `Please look again: ${details.join("; ")}.` : (error?.message ?? "That did not work just now.");
};

const send = async (form) => {
  const body = Object.fromEntries(new FormData(form));
  const answer = await call(form.dataset.method ?? "POST", new URL(form.action).pathname, body);
  if (!answer.ok) return refusal(answer);
  if ("signIn" in form.dataset) {
    // The account is there; should this fail, the page it leads to asks for the password.
    await call("POST", "/portal/v1/sessions", { email: form.dataset.email, password: body.password });
  }
  if (form.dataset.then) return location.assign(form.dataset.then);
  for (const part of form.querySelectorAll(":scope > :not([role=alert])")) part.hidden = true;
  return form.dataset.done;
};

for (const form of document.forms) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const said = form.querySelector("[role=alert]");
    button.disabled = true;
    const words = await send(form).catch(() => "The server does not answer. Try again in a moment.");
    if (words) {
      said.textContent = words;
      said.hidden = false;
      button.disabled = false;
    }
  });
}
