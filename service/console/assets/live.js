// Draws a live part from its tree (see live.py): nodes that stay the same stay, so focus, selection, scroll and a click
// that is under way stay with them. Nodes are made of tags and texts; nothing is ever read as markup.
"use strict";

(() => {
  const known = new WeakMap(); // element -> {key, attributes} as drawn

  function attribute(element, name, value) {
    if (name === "style") Object.assign(element.style, value);
    else if (name === "href" && !/^\/(?!\/)/.test(value)) return; // an address within the console, and no other
    else element.setAttribute(name, value === true ? "" : value);
  }

  function dress(element, wanted) {
    const before = known.get(element)?.attributes ?? {};
    for (const name of Object.keys(before)) if (!(name in wanted.attributes)) element.removeAttribute(name);
    for (const [name, value] of Object.entries(wanted.attributes)) {
      if (JSON.stringify(before[name]) !== JSON.stringify(value)) attribute(element, name, value);
    }
    known.set(element, { key: wanted.key, attributes: wanted.attributes });
  }

  function fits(node, wanted) {
    if (!node) return false;
    if (typeof wanted === "string") return node.nodeType === Node.TEXT_NODE;
    return node.nodeType === Node.ELEMENT_NODE && node.localName === wanted.tag && known.get(node)?.key === wanted.key;
  }

  function made(wanted) {
    return typeof wanted === "string" ? document.createTextNode(wanted) : document.createElement(wanted.tag);
  }

  function fill(parent, children) {
    const keyed = new Map();
    for (const node of parent.childNodes) {
      const key = known.get(node)?.key;
      if (key) keyed.set(key, node);
    }
    let at = parent.firstChild;
    for (const wanted of children) {
      const own = wanted.key ? keyed.get(wanted.key) : at;
      const node = fits(own, wanted) ? own : made(wanted);
      if (node === at) at = at.nextSibling;
      else parent.insertBefore(node, at);
      if (typeof wanted !== "string") {
        dress(node, wanted);
        fill(node, wanted.children);
      } else if (node.data !== wanted) node.data = wanted;
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.live = {
    draw(tree, identity) {
      const part = document.getElementById(identity);
      if (!part || !tree) return;
      const focused = part.contains(document.activeElement) ? document.activeElement : null;
      fill(part, tree);
      part.dispatchEvent(new CustomEvent("told", { bubbles: true }));
      if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    },
  };
})();
