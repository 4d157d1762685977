// Keys, the selected line, and what the page says of its connection. Everything else is htmx's and the server's.
"use strict";
(() => {
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const selected = () => rows().find((row) => row.dataset.row === chosen);
  let chosen = "";

  // What is read anew knows nothing of the line that was chosen here.
  function mark() {
    for (const row of rows()) row.classList.toggle("selected", row.dataset.row === chosen);
  }

  function select(row) {
    chosen = row?.dataset.row ?? "";
    mark();
    row?.scrollIntoView({ block: "nearest" });
  }

  function step(by) {
    const all = rows(), at = all.indexOf(selected());
    if (all.length) select(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)]);
  }

  function press(key) {
    const wanted = `[data-key="${CSS.escape(key)}"]`;
    const within = selected()?.querySelector(wanted);
    const alone = [...document.querySelectorAll(wanted)].filter((found) => !found.closest("[data-row]"));
    (within ?? alone[0])?.click();
  }

  function open() {
    selected()?.querySelector("a.name, a.roll")?.click();
  }

  const help = () => document.getElementById("help");
  const moves = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1), Enter: open,
    "/": () => { const find = document.querySelector("[type=search]"); find ? find.focus() : location.assign("/clips#find"); },
    "?": () => (help().open ? help().close() : help().showModal()),
    Escape: () => { document.activeElement?.blur(); select(); },
  };

  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (at.matches("input, textarea, select")) { if (event.key === "Escape") at.blur(); return; }
    if (help()?.open && event.key !== "?") return;
    if (event.key === "Enter" && at.matches("a, button, summary")) return;
    if (event.key.startsWith("Arrow") && (at.matches("img-comparison-slider") || !rows().length)) return;
    if (moves[event.key]) { event.preventDefault(); moves[event.key](); } else if (event.key.length === 1) press(event.key);
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("#ask-help")) moves["?"]();
    else if (event.target === help()) help().close();
    else if (!event.target.closest("a, button")) { const row = event.target.closest("[data-row]"); if (row) select(row); }
  });

  document.addEventListener("htmx:after:swap", () => { mark(); lost(isLost); });

  // A page that could not be read anew stays as it is, and is asked for again.
  document.addEventListener("htmx:response:error", (event) => {
    if (event.target.id === "live") setTimeout(() => htmx.trigger(document.body, "moved"), 1500);
  });

  let isLost = false, fading = 0;
  function lost(now) {
    isLost = now;
    const sign = document.getElementById("lost");
    if (sign) sign.hidden = !now;
  }
  document.addEventListener("htmx:sse:error", () => lost(true));
  document.addEventListener("htmx:sse:before:message", () => lost(false));

  new MutationObserver(() => {
    clearTimeout(fading);
    fading = setTimeout(() => document.getElementById("said").replaceChildren(), 6000);
  }).observe(document.getElementById("said"), { childList: true });

  if (location.hash === "#find") document.querySelector("[type=search]")?.focus();
})();
