// What only the browser can do: the window's title, the colour scheme, focus that stays with what it was on, and lists
// of the browser's own as filters. Text of devices passes through here as text only.
"use strict";

(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let first = true;

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    gruard: {
      title(text) {
        if (text) document.title = text;
      },

      // A new page begins at its heading, for the eye and for a screen reader; the first one where the browser begins.
      arrived(path) {
        if (!path) return;
        if (first) { first = false; return; }
        requestAnimationFrame(() => {
          window.scrollTo(0, 0);
          document.getElementById("title")?.focus({ preventScroll: true });
        });
      },

      scheme(tick, known) {
        const now = dark.matches ? "dark" : "light";
        return now === known ? window.dash_clientside.no_update : now;
      },
    },
  });

  document.addEventListener("change", (event) => {
    const store = event.target.dataset?.store;
    if (store) window.dash_clientside.set_props(store, { data: event.target.value });
  });

  // Lists are made new in place: a row that moved keeps its node but not its text. Focus goes with the text.
  let held = null;
  document.addEventListener("focusin", (event) => {
    held = event.target.closest?.("main a") ? event.target.getAttribute("href") : null;
  });
  new MutationObserver(() => {
    if (!held) return;
    const now = document.activeElement;
    if (now?.getAttribute?.("href") === held) return;
    const moved = document.querySelector(`main a[href="${CSS.escape(held)}"]`);
    if (moved && (now === document.body || now?.closest?.("main"))) moved.focus({ preventScroll: true });
  }).observe(document.documentElement, { subtree: true, childList: true, attributes: true, attributeFilter: ["href"] });
})();
