// <multipart-upload data-url data-unfinished data-icons>: the drop zone and the queue over transfer.js. The server writes
// the markup (templates/cotton/upload.html); every file that is done fires upload-done, which bubbles.
import { Upload, api } from "./transfer.js";

const FILES = 3, ROWS = 60, REFRESH = 400, WINDOW = 6000;
const JUNK = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini)$/;

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 999.5 && unit < 4; unit++) bytes /= 1000;
  return `${unit && bytes < 99.95 ? +bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}
function span(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}
const percent = (part, whole) => `${whole ? Math.floor((100 * part) / whole) : 100} %`;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// The files of a drop with their paths, folders opened; a plain list where the browser has no entries.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean), found = [];
  if (!entries.length) return [...transfer.files].map((file) => [file, file.name]);
  const walk = async (entry) => {
    if (entry.isFile) {
      found.push([await new Promise((resolve, reject) => entry.file(resolve, reject)), entry.fullPath.slice(1)]);
      return;
    }
    const reader = entry.createReader();
    for (let batch; (batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length;) {
      for (const child of batch) await walk(child);
    }
  };
  for (const entry of entries) await walk(entry);
  return found;
}

customElements.define("multipart-upload", class extends HTMLElement {
  #items = []; #timer; #title = document.title;

  connectedCallback() {
    if (this.dataset.ready) return;
    this.dataset.ready = "";
    const part = (name) => this.querySelector(`[data-${name}]`);
    Object.assign(this, { banners: part("resume"), card: part("queue"), list: part("list"), summary: part("summary"), live: part("live") });
    for (const input of [part("files"), part("folder")]) {
      input.addEventListener("change", () => {
        this.add([...input.files].map((file) => [file, file.webkitRelativePath || file.name]));
        input.value = ""; // the same file may be chosen again
      });
    }
    const zone = this.querySelector(".drop");
    for (const event of ["dragenter", "dragover"]) {
      zone.addEventListener(event, (drag) => { drag.preventDefault(); zone.classList.add("over"); });
    }
    zone.addEventListener("dragleave", (drag) => zone.contains(drag.relatedTarget) || zone.classList.remove("over"));
    zone.addEventListener("drop", async (drag) => {
      drag.preventDefault();
      zone.classList.remove("over");
      this.add(await dropped(drag.dataTransfer));
    });
    addEventListener("beforeunload", (event) => { if (this.#open.length) event.preventDefault(); });
    addEventListener("online", () => this.#items.forEach(({ upload }) => upload.isLost && upload.wait()));
    JSON.parse(this.dataset.unfinished).forEach((left) => this.#offer(left));
  }

  get #open() { return this.#items.filter(({ upload }) => upload.isActive || upload.state === "paused"); }

  add(files) {
    for (const [file, name] of files) {
      if (JUNK.test(name)) continue;
      if (this.#items.some(({ upload }) => upload.name === name && !["done", "cancelled"].includes(upload.state))) continue;
      this.banners.querySelector(`[data-name="${CSS.escape(name)}"]`)?.remove();
      const item = { upload: new Upload(file, this.dataset.url, name), samples: [] };
      item.upload.addEventListener("change", () => this.#changed(item));
      this.#items.push(item);
    }
    this.card.hidden = !this.#items.length;
    this.#advance();
  }

  // Starts what may run, and gives the next ones a row to wait in.
  #advance() {
    const running = this.#items.filter(({ upload }) => upload.isRunning).length;
    const waiting = this.#items.filter(({ upload }) => upload.state === "waiting");
    waiting.splice(0, Math.max(0, FILES - running)).forEach((item) => { this.#show(item); item.upload.start(); });
    waiting.slice(0, ROWS - this.list.childElementCount).forEach((item) => this.#show(item));
    this.#timer ??= setInterval(() => this.#refresh(), REFRESH);
    this.#refresh();
  }

  #changed(item) {
    const { upload } = item;
    this.#draw(item);
    if (upload.state === "done") {
      this.live.textContent = `${upload.name} uploaded`;
      this.dispatchEvent(new CustomEvent("upload-done", { bubbles: true, detail: upload.result }));
      const done = this.list.querySelectorAll(".is-done");
      if (done.length > ROWS / 2) done[0].remove();
    } else if (upload.state === "failed") {
      this.live.textContent = `${upload.name} failed: ${upload.error.message}`;
    } else if (upload.state === "cancelled") {
      item.row?.remove();
      this.#items.splice(this.#items.indexOf(item), 1);
      this.card.hidden = !this.#items.length;
    }
    if (!upload.isRunning) this.#advance();
  }

  // ---------- rows ----------
  #icon(name) {
    const holder = make("template", { innerHTML: '<svg class="icon" aria-hidden="true"><use/></svg>' });
    holder.content.querySelector("use").setAttribute("href", `${this.dataset.icons}#${name}`);
    return holder.content.firstChild;
  }
  #button(word, name, icon, action) {
    const button = make("button", { type: "button", className: "btn btn-icon btn-sm", title: word, onclick: action }, this.#icon(icon));
    button.setAttribute("aria-label", `${word} ${name}`);
    return button;
  }
  #show(item) {
    if (item.row) return;
    const { upload } = item, bar = make("progress", { max: 100, value: 0 });
    bar.setAttribute("aria-label", upload.name);
    item.bar = bar;
    item.words = make("span");
    item.rate = make("span");
    item.actions = make("div", { className: "upload-actions" });
    const name = make("div", { className: "upload-name" }, make("b", { textContent: upload.name, title: upload.name }), make("small", { textContent: size(upload.file.size) }));
    const state = make("div", { className: "upload-state" }, item.words, item.rate);
    item.row = make("li", { className: "upload" }, this.#icon("file"), name, item.actions, make("div", { className: "upload-bar" }, bar, state));
    this.list.append(item.row);
    this.#draw(item);
  }
  #draw(item) {
    const { upload, row } = item;
    if (!row) return;
    const pause = ["Pause", "pause", () => upload.pause()], cancel = ["Cancel", "x", () => upload.cancel().catch(() => {})];
    const again = (word, icon) => [word, icon, () => upload.wait()];
    const actions = {
      waiting: [cancel], running: [pause, cancel], paused: [again("Resume", "play"), cancel], finishing: [], done: [],
      failed: [again("Retry", "rotate-ccw"), cancel], cancelled: [],
    }[upload.state];
    const held = item.actions.contains(document.activeElement);
    item.actions.replaceChildren(...actions.map(([word, icon, action]) => this.#button(word, upload.name, icon, action)));
    if (held) item.actions.querySelector("button")?.focus();
    row.classList.toggle("is-done", upload.state === "done");
    item.bar.className = { done: "ok", failed: "bad", paused: "warn" }[upload.state] ?? "";
    item.words.className = { done: "ok", failed: "bad" }[upload.state] ?? "";
    item.samples = [];
    this.#measure(item);
  }
  #measure(item) {
    const { upload, samples } = item, whole = upload.file.size, now = performance.now();
    const sent = upload.state === "done" ? whole : upload.bytes;
    item.bar.value = whole ? (100 * sent) / whole : upload.state === "done" ? 100 : 0;
    item.words.textContent = {
      waiting: "Waiting", running: `${size(sent)} of ${size(whole)}`, paused: `Paused at ${percent(sent, whole)}`,
      finishing: "Putting the parts together", done: "Uploaded", failed: upload.error?.message,
    }[upload.state] ?? "";
    if (upload.state !== "running") { item.rate.textContent = ""; return; }
    samples.push([now, sent]);
    while (samples.length > 2 && now - samples[0][0] > WINDOW) samples.shift();
    const [[from, at]] = samples, rate = (1000 * (sent - at)) / (now - from);
    item.rate.textContent = now - from > 1000 && rate > 0 ? `${size(rate)}/s · ${span((whole - sent) / rate)} left` : "";
  }
  #refresh() {
    const all = this.#items.map(({ upload }) => upload);
    this.#items.forEach((item) => item.row && item.upload.state === "running" && this.#measure(item));
    const done = all.filter((upload) => upload.state === "done"), failed = all.filter((upload) => upload.state === "failed");
    const whole = all.reduce((total, upload) => total + upload.file.size, 0);
    const sent = all.reduce((total, upload) => total + (upload.state === "done" ? upload.file.size : upload.bytes), 0);
    const words = [`${done.length} of ${all.length} ${all.length === 1 ? "file" : "files"}`, `${size(sent)} of ${size(whole)}`];
    if (failed.length) words.push(`${failed.length} failed`);
    this.summary.textContent = words.join(" · ");
    const busy = all.some((upload) => upload.isActive);
    document.title = busy ? `${percent(sent, whole)} · ${this.#title}` : this.#title;
    if (!busy) { clearInterval(this.#timer); this.#timer = undefined; }
  }

  // ---------- what an earlier visit left ----------
  #offer(left) {
    const input = make("input", { type: "file", className: "sr" });
    const choose = make("label", { className: "btn btn-outline btn-sm" }, "Choose the file", input);
    const words = make("div", { className: "grow" });
    words.append(make("strong", { textContent: left.name }), ` stopped at ${percent(left.received_bytes, left.size)} of ${size(left.size)}. `);
    const hint = make("span", { textContent: `Choose the same file to resume at ${percent(left.received_bytes, left.size)}.` });
    words.append(hint);
    const drop = make("button", { type: "button", className: "btn btn-sm", textContent: "Discard" });
    const banner = make("div", { className: "notice notice-warn" }, this.#icon("rotate-ccw"), words, choose, drop);
    banner.dataset.name = left.name;
    input.setAttribute("aria-label", `Choose ${left.name} to resume its upload`);
    input.addEventListener("change", () => {
      const [file] = input.files;
      if (file.size === left.size) this.add([[file, left.name]]);
      else hint.textContent = `That file has ${size(file.size)}. Choose the one with ${size(left.size)}, or discard what has arrived.`;
      input.value = "";
    });
    drop.setAttribute("aria-label", `Discard ${left.name}`);
    drop.addEventListener("click", async () => {
      try {
        await api("DELETE", `${this.dataset.url}/${left.id}`);
        banner.remove();
      } catch (error) {
        hint.textContent = `It could not be discarded: ${error.message}.`;
      }
    });
    this.banners.append(banner);
  }
});
