// What only the browser can do: the window's title, the colour scheme, links that change the page, focus on a new page,
// and lists of the browser's own as filters.
"use strict";

(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const LOST_MS = 10_000; // without an answer
  const told = new WeakMap(); // what asks -> when it was last answered
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

      // A new picture is drawn as near as the one before it; another stretch of time begins with all of it.
      zoom(layout) {
        const { callback_context: context, no_update: same } = window.dash_clientside;
        if (context.triggered.some((each) => each.prop_id.startsWith("device-window."))) return null;
        const from = layout?.["xaxis.range[0]"], to = layout?.["xaxis.range[1]"];
        return from && to ? [from, to] : layout?.["xaxis.autorange"] ? null : same;
      },

      scheme(tick, known) {
        const now = dark.matches ? "dark" : "light";
        return now === known ? window.dash_clientside.no_update : now;
      },
    },
  });

  // An answer tells every part of what asked for it. Dash stops asking where a request failed: it is set going again.
  document.addEventListener("told", (event) => {
    const asking = event.target.closest("[data-tick]");
    if (asking) told.set(asking, Date.now());
  });
  setInterval(() => {
    for (const asking of document.querySelectorAll("[data-tick]")) {
      if (!told.has(asking) || document.hidden) told.set(asking, Date.now()); // a window out of sight is let sleep
      const lost = Date.now() - told.get(asking) > LOST_MS;
      if (lost) window.dash_clientside.set_props(asking.dataset.tick, { disabled: false });
      if (asking.dataset.tick === "tick") document.getElementById("lost").hidden = !lost;
    }
  }, 1000);

  document.addEventListener("change", (event) => {
    const store = event.target.dataset?.store;
    if (store) window.dash_clientside.set_props(store, { data: event.target.value });
  });

  // A link within the console changes the page without loading everything again; any other click on it is the browser's.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='/']");
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !plain || event.defaultPrevented) return;
    event.preventDefault();
    window.history.pushState({}, "", link.getAttribute("href"));
    window.dispatchEvent(new PopStateEvent("popstate"));
  });
})();
