// The page of an order: opens with the token behind `#`, and shows by itself what has changed.
"use strict";

const form = document.getElementById("token-form");
const enter = () => {
  const token = location.hash.startsWith("#token=") ? location.hash.slice(7) : "";
  if (!token) return;
  // Out of the address bar before anything else, and out of the history.
  history.replaceState(null, "", location.pathname);
  if (form) {
    form.elements.token.value = token;
    form.submit();
  }
};
addEventListener("hashchange", enter);
enter();

const state = document.querySelector("#state[data-awaits]");
if (state) {
  let pause = 3000;
  const look = async () => {
    pause = Math.min(pause * 1.2, 20000);
    try {
      if (!document.hidden) {
        const answer = await fetch(location.pathname, { cache: "no-store" });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const now = page.getElementById("state");
        if (now && now.dataset.state !== state.dataset.state) return location.reload();
      }
    } catch {
      // Away for a moment; the next look may find it.
    }
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
}
