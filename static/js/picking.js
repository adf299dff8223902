// <pick-files data-most="100"> around tick boxes (file with data-size, folder): says what is ticked while somebody
// ticks, and ticks all of a page at once. Without scripts the server says it on the next page.
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

// The same words as the filter `bytes` of core/templatetags/ui.py.
function bytes(size) {
  let at = 0;
  while (size >= 999.5 && at < UNITS.length - 1) { size /= 1000; at += 1; }
  return `${at && size < 99.95 ? size.toFixed(1).replace(".0", "") : size.toFixed(0)} ${UNITS[at]}`;
}
const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

customElements.define("pick-files", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", () => this.sum());
    this.querySelector("[data-all]")?.addEventListener("click", () => {
      const boxes = [...this.querySelector("section").querySelectorAll('input[type="checkbox"]')];
      const ticks = boxes.some((box) => !box.checked);
      for (const box of boxes) box.checked = ticks;
      this.sum();
    });
    this.sum();
  }

  sum() {
    const ticked = [...this.querySelectorAll("input:checked")], files = ticked.filter((box) => box.name !== "folder");
    const folders = ticked.length - files.length, size = files.reduce((sum, box) => sum + Number(box.dataset.size), 0);
    const parts = [];
    if (files.length) parts.push(`${count(files.length, "file")} ticked, ${bytes(size)}`);
    if (folders) parts.push(count(folders, "whole folder"));
    const words = Object.assign(document.createElement(ticked.length ? "strong" : "span"), { className: ticked.length ? "num" : "muted" });
    words.textContent = parts.join(", and ") || "Nothing is ticked.";
    const shown = [words];
    if (files.length > Number(this.dataset.most)) {
      const warning = Object.assign(document.createElement("span"), { className: "error" });
      warning.textContent = `That is more than the ${this.dataset.most} files of one import.`;
      shown.push(warning);
    }
    this.querySelector("[data-summary]").replaceChildren(...shown);
    const all = this.querySelector("[data-all]"), boxes = this.querySelector("section").querySelectorAll('input[type="checkbox"]');
    if (all) all.textContent = [...boxes].every((box) => box.checked) ? "Untick all on this page" : "Tick all on this page";
  }
});
