// The product editor: keeps what is typed as a draft a second after the pause, shows the preview and what is still missing,
// offers the dictionary as a table, and marks the section that is read. Without it every part is a plain form.
import { announce, icon } from "./ui.js";

const editor = document.querySelector("[data-editor]");
const form = document.getElementById("product-form");
const address = editor.dataset.draft;
//: parts of the page that the answer to a saved draft brings anew
const PARTS = ["preview", "checklist", "save-state", "discard-state", "publish-state", "product-state"];
const PAUSE_MS = 1000;

let timer, running, changed = false, blocked = false;

// ---------- autosave ----------
const state = (text) => (document.querySelector("#save-state > span").textContent = text);

function take(page, ids) {
  for (const id of ids) {
    const fresh = page.getElementById(id), old = document.getElementById(id);
    if (!fresh || !old) continue;
    if (id === "save-button") old.className = fresh.className;
    else if (old.contains(document.activeElement) && id !== "questions") continue;
    else old.replaceWith(fresh);
  }
}

async function save(act = "") {
  const body = new FormData(form);
  if (act) body.set("act", act);
  changed = false;
  state("Saving …");
  try {
    const answer = await fetch(address, { method: "POST", body, headers: { "X-Autosave": "1" } });
    if (answer.redirected && new URL(answer.url).pathname.startsWith("/accounts/login")) throw new Error("session");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status === 409) return conflict();
    if (!answer.ok) throw new Error(page.querySelector("[role=alert] p")?.textContent ?? `The server answered ${answer.status}.`);
    take(page, act ? [...PARTS, "save-button", "questions"] : [...PARTS, "save-button"]);
    if (act) settle(act);
  } catch (error) {
    changed = true;
    state(`Not saved: ${error.message === "session" ? "you were signed out. Sign in in another tab" : error.message}`);
    timer = setTimeout(flush, 15000);
  }
}

// One request at a time: the next one carries the version that the answer brought.
function flush(act = "") {
  clearTimeout(timer);
  if (blocked || (!changed && !act)) return running ?? Promise.resolve();
  running = (running ?? Promise.resolve()).then(() => save(act));
  return running;
}

function conflict() {
  blocked = changed = true;
  const notice = document.getElementById("conflict");
  notice.textContent = "Somebody else has changed this product since you opened it. What you typed is still here: press Save to compare the two before anything is overwritten.";
  notice.hidden = false;
  state("Not saved");
}

if (address) {
  const note = (event) => {
    if (event.target.form !== form) return;
    changed = true;
    clearTimeout(timer);
    timer = setTimeout(flush, PAUSE_MS);
  };
  editor.addEventListener("input", note);
  editor.addEventListener("change", note);
  form.addEventListener("submit", () => { changed = false; });
  // Other forms of the page lead away from it: what was typed goes first.
  document.addEventListener("submit", async (event) => {
    if (event.target === form || event.defaultPrevented || !changed || blocked) return;
    event.preventDefault();
    await flush();
    if (!changed) event.target.requestSubmit(event.submitter);
  }, true);
  document.addEventListener("visibilitychange", () => { if (document.hidden) flush(); });
  addEventListener("beforeunload", (event) => { if (changed) { flush(); event.preventDefault(); } });
}

// ---------- questions ----------
document.addEventListener("click", (event) => {
  const button = event.target.closest('button[name="act"]');
  if (!button || !address || blocked) return;
  event.preventDefault();
  flush(button.value);
});

function settle(act) {
  const [verb, number] = act.split(":");
  const all = document.querySelectorAll("#questions .question");
  const at = verb === "add" ? all.length - 1 : Math.min(all.length - 1, Number(number) + ({ up: -1, down: 1 }[verb] ?? 0));
  (all[at]?.querySelector('input:not([type="hidden"])') ?? document.querySelector('#questions button[value="add"]'))?.focus();
  announce({ add: "Question added", remove: "Question removed" }[verb] ?? "Question moved");
}

// ---------- the dictionary as a table ----------
const MOST_ROWS = 60; // above, lines of text are quicker to read and to draw
customElements.define("dictionary-table", class extends HTMLElement {
  connectedCallback() {
    const area = this.querySelector("textarea"), lines = area.value.split("\n").filter((line) => line.trim());
    if (area.getAttribute("aria-invalid") || this.hasAttribute("data-fixed") || lines.length > MOST_ROWS) return;
    this.area = area;
    area.hidden = true;
    area.labels[0].removeAttribute("for");
    area.parentElement.querySelector(".help")?.remove();
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const title of ["Column", "Type", "Meaning", ""]) {
      const cell = document.createElement("th");
      if (title) cell.textContent = title;
      else cell.append(Object.assign(document.createElement("span"), { className: "sr", textContent: "Remove" }));
      cell.scope = "col";
      head.append(cell);
    }
    this.rows = table.createTBody();
    for (const line of lines) {
      const [column, type = "", ...rest] = line.split("|").map((part) => part.trim());
      this.add([column, type, rest.join(" | ")]);
    }
    const more = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-outline btn-sm" });
    more.append(icon("plus"), "Add a column");
    more.addEventListener("click", () => this.add(["", "", ""]).querySelector("input").focus());
    const foot = document.createElement("div");
    foot.append(more);
    area.after(table, foot);
    if (!lines.length) table.hidden = true;
    this.table = table;
  }
  add(values) {
    if (this.table) this.table.hidden = false;
    const row = this.rows.insertRow();
    ["Column", "Type", "Meaning"].forEach((title, index) => {
      const input = Object.assign(document.createElement("input"), { value: values[index], maxLength: 500 });
      input.setAttribute("aria-label", `${title} ${this.rows.rows.length}`);
      if (index < 2) input.spellcheck = false;
      input.addEventListener("input", () => this.write());
      row.insertCell().append(input);
    });
    const remove = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-icon btn-sm" });
    remove.setAttribute("aria-label", `Remove column ${this.rows.rows.length}`);
    remove.append(icon("x", "icon-sm"));
    remove.addEventListener("click", () => {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      this.write();
      (next?.querySelector("input") ?? this.querySelector(".btn-outline")).focus();
      announce("Column removed");
    });
    row.insertCell().append(remove);
    return row;
  }
  write() {
    const texts = [...this.rows.rows].map((row) => [...row.querySelectorAll("input")].map((input) => input.value.replaceAll("\n", " ").trim()));
    this.area.value = texts.filter((row) => row.some(Boolean)).map(([column, type, meaning]) => `${column.replaceAll("|", "/")} | ${type.replaceAll("|", "/")} | ${meaning}`).join("\n");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

// ---------- sections and preview ----------
const links = new Map([...editor.querySelectorAll(".side-nav a")].map((link) => [link.hash.slice(1), link]));
function mark(id) {
  for (const [anchor, link] of links) {
    if (anchor === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
const seen = new IntersectionObserver(() => {
  const line = innerHeight / 3;
  const top = [...links.keys()].filter((id) => document.getElementById(id).getBoundingClientRect().top < line).at(-1);
  mark(top ?? links.keys().next().value);
}, { rootMargin: "-33% 0px -66% 0px" });
for (const id of links.keys()) seen.observe(document.getElementById(id));
mark(location.hash.slice(1) in Object.fromEntries(links) ? location.hash.slice(1) : links.keys().next().value);

document.querySelector(".editor-views").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link) return;
  event.preventDefault();
  const shows = link.dataset.view === "preview";
  editor.classList.toggle("shows-preview", shows);
  history.replaceState(null, "", shows ? "?view=preview" : location.pathname);
  for (const other of link.parentElement.children) {
    if (other === link) other.setAttribute("aria-current", "page");
    else other.removeAttribute("aria-current");
  }
  if (shows) flush();
});
