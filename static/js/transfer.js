// One file to storage in parts: 4 in flight, retries with back-off, pause, resume after a reload (same file -> same
// upload; the server lists the parts that storage already has). No page knowledge; <multipart-upload> is in upload.js.
// Server contract (JSON, CSRF header):
//   POST   url            {name,size,type,modified} -> {id, part_size, done: [n, ...]}
//   POST   url/{id}/sign  {parts: [n, ...]}         -> {urls: {n: url}}
//   POST   url/{id}/complete                        -> {asset?, redirect?}   (server lists parts; no ETag needed here)
//   DELETE url/{id}                                 -> 204
// An empty file is one empty part.
const PARALLEL = 4, TRIES = 6, BATCH = 16;
const LOST = "Connection lost";

// A page sends at most PARALLEL parts at a time, however many files it has in hand.
let free = PARALLEL;
const queue = [];
function slot(signal) {
  if (free) { free--; return Promise.resolve(); }
  return new Promise((resolve, reject) => {
    const stop = () => { queue.splice(queue.indexOf(take), 1); reject(signal.reason); };
    const take = () => { signal.removeEventListener("abort", stop); resolve(); };
    signal.addEventListener("abort", stop, { once: true });
    queue.push(take);
  });
}
function release() { const take = queue.shift(); if (take) take(); else free++; }

const sleep = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

export async function api(method, url, body, signal) {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  headers["X-CSRFToken"] = document.querySelector("meta[name=csrf]")?.content ?? "";
  const answer = await fetch(url, { method, signal, headers, body: body && JSON.stringify(body) }).catch((error) => {
    throw signal?.aborted ? error : new Error(LOST);
  });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    const said = new Error(problem.detail ?? `The server answered ${answer.status}`);
    throw Object.assign(said, { status: answer.status, isFinal: answer.status < 500 });
  }
  return answer.status === 204 ? null : answer.json();
}

// XMLHttpRequest, because fetch tells no progress of what it sends.
function put(url, blob, onprogress, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted(); // a pause or a cancel may have come while the part waited for its turn
    const request = new XMLHttpRequest();
    const stop = () => { request.abort(); reject(signal.reason); };
    request.open("PUT", url);
    request.timeout = 15 * 60e3;
    request.upload.onprogress = (event) => onprogress(event.loaded);
    request.onload = () => {
      const { status } = request;
      // 403 is an expired signature, 408 and 429 ask to come again; other refusals will not heal.
      const isFinal = status < 500 && ![403, 408, 429].includes(status);
      if (status < 300) resolve();
      else reject(Object.assign(new Error(`Storage answered ${status}`), { isFinal }));
    };
    request.onerror = request.ontimeout = () => reject(new Error(LOST));
    signal.addEventListener("abort", stop, { once: true });
    request.onloadend = () => signal.removeEventListener("abort", stop);
    request.send(blob);
  });
}

// A file that changed on disk fails like a lost connection when it is sent; reading a byte of it tells the two apart.
async function check(blob) {
  await blob.slice(0, 1).arrayBuffer().catch(() => {
    throw Object.assign(new Error("The file was changed or removed. Choose it again."), { isFinal: true });
  });
}

// state: waiting, running, paused, finishing, done, failed, cancelled. Events: change (state), progress (bytes).
export class Upload extends EventTarget {
  state = "waiting"; sent = 0; inflight = 0; maxInflight = 0; retries = 0;
  #partial = new Map(); #urls = new Map(); #abort; #begun;

  constructor(file, url, name = file.name) {
    super();
    Object.assign(this, { file, base: url, name });
  }
  get bytes() { let total = this.sent; for (const part of this.#partial.values()) total += part; return total; }
  get isLost() { return this.state === "failed" && this.error.message === LOST; }
  get isRunning() { return ["running", "finishing"].includes(this.state); }
  get isActive() { return this.isRunning || this.state === "waiting"; }
  #set(state, error) { this.state = state; this.error = error; this.dispatchEvent(new Event("change")); }
  #size(part) { return Math.min(this.partSize, this.file.size - (part - 1) * this.partSize); }

  async start() {
    const abort = (this.#abort = new AbortController()), { signal } = abort;
    this.#urls.clear();
    this.#set("running");
    try {
      // Never cut short, since only its answer names what a cancel has to drop; never two at once.
      const before = this.#begun;
      this.#begun = Promise.resolve(before).catch(() => {}).then(() => this.#persist(() => this.#begin(), signal));
      const info = await this.#begun;
      signal.throwIfAborted();
      this.partSize = info.part_size;
      const done = new Set(info.done), todo = [];
      const last = Math.max(1, Math.ceil(this.file.size / this.partSize));
      for (let part = 1; part <= last; part++) done.has(part) || todo.push(part);
      this.resumed = done.size;
      this.#partial.clear();
      this.sent = [...done].reduce((total, part) => total + this.#size(part), 0);
      await Promise.all(Array.from({ length: PARALLEL }, () => this.#worker(todo, signal)));
      this.#set("finishing");
      this.result = await this.#persist(() => api("POST", `${this.base}/${this.id}/complete`, {}, signal), signal);
      this.#set("done");
    } catch (error) {
      if (signal.aborted) return; // paused or cancelled: the state is set already
      abort.abort(error);
      this.#partial.clear();
      this.#set("failed", error);
    }
  }
  async #begin() {
    const { size, type, lastModified } = this.file;
    const info = await api("POST", this.base, { name: this.name, size, type, modified: lastModified });
    this.id = info.id;
    return info;
  }
  async #worker(todo, signal) {
    for (let part; (part = todo.shift()) !== undefined;) await this.#persist(() => this.#part(part, todo, signal), signal);
  }
  // Tries again what can heal.
  async #persist(attempt, signal) {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        signal.throwIfAborted();
        if (error.isFinal || tries === TRIES) throw error;
        this.retries++;
        await sleep(Math.min(30e3, 250 * 2 ** tries) * (0.5 + Math.random()), signal);
      }
    }
  }
  async #part(part, todo, signal) {
    if (!this.#urls.has(part)) {
      const parts = [part, ...todo.slice(0, BATCH - 1).filter((other) => !this.#urls.has(other))];
      const { urls } = await api("POST", `${this.base}/${this.id}/sign`, { parts }, signal);
      for (const number in urls) this.#urls.set(+number, urls[number]);
    }
    const from = (part - 1) * this.partSize, blob = this.file.slice(from, from + this.#size(part));
    await check(blob);
    await slot(signal);
    this.maxInflight = Math.max(this.maxInflight, ++this.inflight);
    const moved = (bytes) => { this.#partial.set(part, bytes); this.dispatchEvent(new Event("progress")); };
    try {
      await put(this.#urls.get(part), blob, moved, signal);
    } catch (error) {
      this.#urls.delete(part); // it may be the signature that is refused
      throw error;
    } finally {
      this.#partial.delete(part);
      this.inflight--;
      release();
    }
    this.sent += this.#size(part);
    this.dispatchEvent(new Event("progress"));
  }
  // Takes a turn again after a pause or a failure; whoever keeps the queue starts it.
  wait() { this.#set("waiting"); }
  pause() {
    if (this.state !== "running") return;
    this.#abort.abort(new DOMException("paused", "AbortError"));
    this.#partial.clear();
    this.#set("paused");
  }
  async cancel() {
    this.#abort?.abort(new DOMException("cancelled", "AbortError"));
    this.#set("cancelled");
    const begun = await Promise.resolve(this.#begun).catch(() => {});
    if (begun ?? this.id) await api("DELETE", `${this.base}/${this.id}`);
  }
}
