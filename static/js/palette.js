// The dialogs "Jump to" (Ctrl K) and "Keys" (?). ui.js imports this when one of them is asked for the first time.
// A combobox with a listbox: the focus stays in the input, arrows move the selected option, Enter opens it, Esc closes.
// Results are the part of /palette?q= that the page of that address shows without scripts.
const dialog = document.getElementById("palette"), input = document.getElementById("palette-q");
const list = document.getElementById("palette-list"), status = document.getElementById("palette-status");
let timer, asked = 0, chosen = -1;

const options = () => [...list.querySelectorAll('[role="option"]')];

// The style sheet comes with the first use, so that pages do not carry it.
let styled = document.querySelector(`link[href="${dialog.dataset.css}"]`) ? Promise.resolve() : undefined;
const style = () => (styled ??= new Promise((done) => {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: dialog.dataset.css });
  link.addEventListener("load", done);
  link.addEventListener("error", done);
  document.head.append(link);
}));

export async function open(id) {
  if (document.querySelector("dialog:modal")) return;
  const wanted = document.getElementById(id);
  if (wanted !== dialog) return wanted.showModal();
  await style();
  if (document.querySelector("dialog:modal")) return;
  dialog.showModal();
  input.value = "";
  input.focus();
  ask();
}

function choose(index) {
  const all = options();
  chosen = all.length ? (index + all.length) % all.length : -1;
  all.forEach((option, at) => option.setAttribute("aria-selected", at === chosen));
  if (chosen < 0) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", all[chosen].id);
  all[chosen].scrollIntoView({ block: "nearest" });
}

function show(part) {
  const groups = [...part.querySelectorAll("section")].map((section, number) => {
    const group = Object.assign(document.createElement("div"), { id: `palette-group-${number}` });
    const title = Object.assign(document.createElement("div"), { className: "jump-title", id: `palette-title-${number}` });
    title.textContent = section.querySelector("h2").textContent;
    title.setAttribute("role", "presentation");
    group.setAttribute("role", "group");
    group.setAttribute("aria-labelledby", title.id);
    const links = [...section.querySelectorAll("a")];
    links.forEach((link, at) => {
      link.id = `palette-option-${number}-${at}`;
      link.tabIndex = -1;
      link.setAttribute("role", "option");
      link.setAttribute("aria-selected", "false");
    });
    group.append(title, ...links);
    return group;
  });
  list.replaceChildren(...groups);
  input.setAttribute("aria-expanded", String(groups.length > 0));
  list.scrollTop = 0;
  choose(0);
  const count = Number(part.dataset.count);
  status.textContent = count === 1 ? "1 result" : `${count || "No"} results`;
}

async function ask() {
  const mine = ++asked, url = `${dialog.dataset.url}?${new URLSearchParams({ q: input.value.trim() })}`;
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("palette-results");
    if (mine === asked && dialog.open) show(part); // an answer that came late is for what was typed before
  } catch {
    if (mine === asked) status.textContent = "The server did not answer. Type again to retry.";
  }
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, 120);
});
input.addEventListener("keydown", (event) => {
  const to = { ArrowDown: chosen + 1, ArrowUp: chosen - 1 }[event.key];
  if (to !== undefined) {
    choose(to);
    event.preventDefault();
  } else if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    options()[chosen]?.click();
  } else if (event.key === "?" && !input.value) {
    event.preventDefault();
    dialog.close();
    open("keys");
  }
});
dialog.addEventListener("close", () => {
  clearTimeout(timer);
  asked += 1;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
  list.replaceChildren();
  status.textContent = "";
});
