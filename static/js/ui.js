// Behaviour that pages share: small light-DOM custom elements, which work on content swapped in later with no init call,
// and a few listeners on the document. Heavier modules are imported only where their element is on the page.
//   copy-button[data-value]   tab-group   chart-hover[data-points]   relative-time > time   reveal-password > input + button
//   scroll-spy > nav > a[href="#section"] (marks the section that is being read)
//   hue-picker[data-otherwise] > input[type=number] + input[type=range] (the page where an operator chooses the look)
//   [data-theme-switch]   form[data-guard] (warns before unsaved input is left)   #q or [data-search] (the / key)   a[data-palette] (Ctrl K, palette.js)
//   toast(text, tone), or from the server the header HX-Trigger: {"toast": {"text": "Saved", "tone": "success"}}

const sprite = () => document.querySelector("use").getAttribute("href").split("#")[0];

export function icon(name, tone = "") {
  const holder = document.createElement("template");
  holder.innerHTML = `<svg class="icon" aria-hidden="true"><use/></svg>`;
  const svg = holder.content.firstChild;
  if (tone) svg.classList.add(...tone.split(" "));
  svg.firstChild.setAttribute("href", `${sprite()}#${name}`);
  return svg;
}

export function setIcon(element, name) {
  element.querySelector("use").setAttribute("href", `${sprite()}#${name}`);
}

// ---------- toasts ----------
const TONES = { success: ["circle-check", "ok"], warning: ["triangle-alert", "warn"], error: ["circle-alert", "bad"], info: ["info", "run"] };

export function toast(text, tone = "info") {
  const item = Object.assign(document.createElement("div"), { className: "toast" });
  item.dataset.tone = tone;
  const words = Object.assign(document.createElement("div"), { className: "grow", textContent: text });
  const close = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-icon btn-sm" });
  close.setAttribute("aria-label", "Dismiss");
  close.dataset.dismiss = "";
  close.append(icon("x", "icon-sm"));
  item.append(icon(...TONES[tone]), words, close);
  document.getElementById("toasts").append(item);
  expire(item);
  return item;
}

// Problems stay until they are dismissed; the rest goes after 8 s, but not under the pointer or the focus.
function expire(item) {
  if (item.dataset.tone === "error" || item.dataset.tone === "warning") return;
  let timer;
  const wait = () => (timer = setTimeout(() => item.remove(), 8000));
  const hold = () => clearTimeout(timer);
  for (const event of ["pointerenter", "focusin"]) item.addEventListener(event, hold);
  for (const event of ["pointerleave", "focusout"]) item.addEventListener(event, wait);
  wait();
}
document.querySelectorAll("#toasts .toast").forEach(expire);
document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.tone));

// Says something to screen readers only.
export function announce(text) {
  const item = Object.assign(document.createElement("span"), { className: "sr", textContent: text });
  document.getElementById("toasts").append(item);
  setTimeout(() => item.remove(), 2000);
}

// ---------- elements ----------
customElements.define("copy-button", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.dataset.value ?? "");
      } catch {
        toast("The browser did not allow copying.", "warning");
        return;
      }
      setIcon(this, "check");
      announce("Copied");
      setTimeout(() => setIcon(this, "copy"), 1500);
    });
  }
});

customElements.define("reveal-password", class extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input"), button = this.querySelector("button");
    button.addEventListener("click", () => {
      const shown = input.type === "password";
      input.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", shown);
      setIcon(button, shown ? "eye-off" : "eye");
    });
    input.form?.addEventListener("submit", () => (input.type = "password"));
  }
});

customElements.define("tab-group", class extends HTMLElement {
  connectedCallback() {
    const tabs = () => [...this.querySelectorAll('[role="tab"]')];
    const pick = (tab) => tabs().forEach((other) => {
      const chosen = other === tab;
      other.setAttribute("aria-selected", chosen);
      other.tabIndex = chosen ? 0 : -1;
      this.querySelector(`#${CSS.escape(other.getAttribute("aria-controls"))}`).hidden = !chosen;
    });
    this.addEventListener("click", (event) => {
      const tab = event.target.closest('[role="tab"]');
      if (tab) pick(tab);
    });
    this.addEventListener("keydown", (event) => {
      const list = tabs(), at = list.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: list.length - 1 }[event.key];
      if (at < 0 || to === undefined) return;
      const tab = list.at(to % list.length);
      tab.focus();
      pick(tab);
      event.preventDefault();
    });
  }
});

// data-points='[["label","value"],…]': crosshair and value under the pointer or by arrow keys
customElements.define("chart-hover", class extends HTMLElement {
  connectedCallback() {
    const plot = this.querySelector(".plot"), points = JSON.parse(this.dataset.points), last = points.length - 1;
    if (plot.querySelector(".tip")) return;
    const tip = Object.assign(document.createElement("output"), { className: "tip", hidden: true });
    plot.append(tip);
    plot.tabIndex = 0;
    const label = this.querySelector("figure").getAttribute("aria-label");
    const say = (name, value) => plot.setAttribute(`aria-${name}`, value);
    plot.setAttribute("role", "slider");
    say("label", `${label}, value`);
    say("valuemin", 0);
    say("valuemax", last);
    let at = last;
    const mark = () => { say("valuenow", at); say("valuetext", points[at].join(": ")); };
    const show = (index) => {
      at = Math.max(0, Math.min(last, index));
      tip.hidden = false;
      tip.style.left = `${(100 * at) / last}%`;
      tip.textContent = points[at].join("  ");
      tip.classList.toggle("flip", at > last * 0.7);
      mark();
    };
    const hide = () => (tip.hidden = true);
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      show(Math.round(((event.clientX - box.left) / box.width) * last));
    });
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("focus", () => show(at));
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (step) { show(at + step); event.preventDefault(); }
    });
    mark();
  }
});

// The server writes the same words (core/templatetags/ui.py, ago); here they are kept true while the page stays open.
const STEPS = [[31536000, "y"], [2592000, "mo"], [86400, "d"], [3600, "h"], [60, "min"]];
customElements.define("relative-time", class extends HTMLElement {
  static all = new Set();
  connectedCallback() { this.constructor.all.add(this); }
  disconnectedCallback() { this.constructor.all.delete(this); }
  refresh() {
    const time = this.querySelector("time"), seconds = Math.trunc((Date.now() - Date.parse(time.dateTime)) / 1000);
    const size = Math.abs(seconds), [length, unit] = STEPS.find(([step]) => size >= step) ?? [60, "min"];
    const words = `${Math.max(1, Math.floor(size / length))} ${unit}`;
    const text = size < 45 ? "just now" : seconds > 0 ? `${words} ago` : `in ${words}`;
    if (time.textContent !== text) time.textContent = text;
  }
});
setInterval(() => { if (!document.hidden) customElements.get("relative-time").all.forEach((each) => each.refresh()); }, 20000);

// ---------- theme, keys, dialogs, forms ----------
document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".toast").remove();
  if (event.target.closest("[data-theme-switch]")) {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* kept for this page only */ }
  }
});

// Single keys are off while somebody types, in dialogs, and for whoever turned them off.
const isSingleKey = (event) => !event.ctrlKey && !event.metaKey && !event.altKey && !("noShortcuts" in document.body.dataset)
  && !event.target.closest?.("input, textarea, select, [contenteditable], dialog");
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || !isSingleKey(event)) return;
  const search = document.querySelector("#q, [data-search]");
  if (search) { event.preventDefault(); search.focus(); search.select(); }
});

// Jump to (Ctrl K, or a link with data-palette) and the help on keys (?).
const openDialog = (id) => import("./palette.js").then((palette) => palette.open(id));
document.addEventListener("keydown", (event) => {
  if (!document.getElementById("palette")) return;
  const jumps = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (!jumps && !(event.key === "?" && isSingleKey(event))) return;
  event.preventDefault();
  openDialog(jumps ? "palette" : "keys");
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-palette]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openDialog("palette");
});

// Browsers without invoker commands get the two that our dialogs use.
if (!("commandForElement" in HTMLButtonElement.prototype)) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]"), dialog = button && document.getElementById(button.getAttribute("commandfor"));
    if (button?.getAttribute("command") === "show-modal") dialog.showModal();
    if (button?.getAttribute("command") === "close") dialog.close();
  });
}
// Browsers without anchor positioning get their menus placed under the button.
if (!CSS.supports("position-area", "block-end")) {
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (event.newState !== "open" || !menu.classList?.contains("menu")) return;
    const box = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect();
    const top = Math.min(box.bottom, innerHeight - menu.offsetHeight - 8);
    Object.assign(menu.style, { top: `${Math.max(8, top)}px`, left: `${Math.max(8, box.right - menu.offsetWidth)}px` });
  }, true);
}

const dirty = new Set();
document.addEventListener("input", (event) => { const form = event.target.closest("form[data-guard]"); if (form) dirty.add(form); });
document.addEventListener("submit", (event) => {
  dirty.delete(event.target);
  const button = event.submitter;
  // Only a slow answer gets a spinner; the button stays enabled, so that its name and value are sent.
  if (button && !event.defaultPrevented) setTimeout(() => button.classList.add("busy"), 300);
});
addEventListener("pageshow", () => document.querySelectorAll(".btn.busy").forEach((button) => button.classList.remove("busy")));
addEventListener("beforeunload", (event) => { if ([...dirty].some((form) => form.isConnected)) event.preventDefault(); });

// ---------- sections: marks the one being read (aria-current) and keeps its tab in sight ----------
customElements.define("scroll-spy", class extends HTMLElement {
  connectedCallback() {
    this.links = [...this.querySelectorAll('a[href^="#"]')];
    this.follow = () => { this.due ??= requestAnimationFrame(() => { this.due = undefined; this.mark(); }); };
    for (const event of ["scroll", "resize", "hashchange"]) addEventListener(event, this.follow, { passive: true });
    this.follow();
  }
  disconnectedCallback() {
    for (const event of ["scroll", "resize", "hashchange"]) removeEventListener(event, this.follow);
  }
  mark() {
    const line = this.getBoundingClientRect().bottom + 40;
    const isAtEnd = scrollY > 0 && innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    let current = this.links[0];
    for (const link of this.links) {
      const top = document.getElementById(link.hash.slice(1))?.getBoundingClientRect().top ?? Infinity;
      if (top <= line || (isAtEnd && link.hash === location.hash)) current = link;
    }
    if (current === this.current) return;
    this.current?.removeAttribute("aria-current");
    (this.current = current).setAttribute("aria-current", "true");
    const nav = current.parentElement;
    nav.scrollTo({ left: current.offsetLeft - (nav.clientWidth - current.offsetWidth) / 2 });
  }
});

// ---------- branding: slider and number say the same, the page follows at once, the server measures the contrasts ----------
customElements.define("hue-picker", class extends HTMLElement {
  connectedCallback() {
    const number = this.querySelector("input[type=number]"), slider = this.querySelector("input[type=range]");
    const valid = () => number.value !== "" && number.checkValidity();
    let timer;
    const show = () => {
      if (valid()) document.documentElement.style.setProperty("--h", number.value);
      else document.documentElement.style.removeProperty("--h");
      clearTimeout(timer);
      timer = setTimeout(() => this.measure(number), 200);
    };
    const name = document.querySelector("input[name=name]"), shown = document.querySelector("[data-preview=name]");
    name.addEventListener("input", () => (shown.textContent = name.value.trim() || name.placeholder));
    slider.addEventListener("input", () => { number.value = slider.value; show(); });
    number.addEventListener("input", () => { slider.value = valid() ? number.value : this.dataset.otherwise; show(); });
  }

  measure(number) {
    if (number.value !== "" && !number.checkValidity()) return;
    const url = `${location.pathname}?hue=${encodeURIComponent(number.value)}`;
    htmx.ajax("GET", url, { target: "#contrast", select: "#contrast", swap: "outerMorph" });
  }
});

// ---------- tabs: on a phone the current one may stand beyond the edge ----------
requestAnimationFrame(() => {
  for (const tab of document.querySelectorAll(".tabs > [aria-current]")) {
    const nav = tab.parentElement;
    nav.scrollLeft = tab.offsetLeft - nav.offsetLeft - (nav.clientWidth - tab.offsetWidth) / 2;
  }
});

// ---------- htmx ----------
const isPoll = (context) => context.sourceEvent?.type === "every";
let reconnecting;
function fail(context, reason) {
  if (isPoll(context)) reconnecting ??= toast("Reconnecting. What you see may be out of date.", "warning");
  else toast(reason, "error");
}
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && isPoll(event.detail.ctx)) event.preventDefault();
});
document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail, { status, raw } = ctx.response;
  if (raw.redirected && new URL(raw.url).pathname.startsWith("/accounts/login")) {
    event.preventDefault();
    location.reload(); // the session has ended: the page itself asks to sign in and comes back
  } else if (status >= 400 && status !== 409 && status !== 422) {
    event.preventDefault(); // an error page may not take the place of the part that was asked for
    const id = raw.headers.get("X-Request-Id");
    fail(ctx, `The server answered ${status} and changed nothing here. Try again${id ? `, or report request ${id}` : ""}.`);
  } else if (reconnecting) {
    reconnecting.remove();
    reconnecting = undefined;
  }
});
document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx) fail(event.detail.ctx, "The server did not answer. Check your connection and try again.");
});

if (document.querySelector("multipart-upload")) import("./upload.js");
if (document.querySelector("pick-files")) import("./picking.js");
