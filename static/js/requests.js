// Keys of the inbox of subscription requests. Nothing is decided by a key alone: `a` and `d` go to the button and the field.
const TARGETS = { a: () => document.getElementById("approve"), d: () => document.getElementById("id_before") ?? document.getElementById("id_reason") };
const LINKS = { j: "request-after", k: "request-before" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
  const target = TARGETS[event.key]?.(), link = document.getElementById(LINKS[event.key] ?? "");
  if (!target && !link) return;
  event.preventDefault();
  if (target) target.focus();
  else link.click();
});

// A reason that was given before is put into the field, where it can be changed.
document.getElementById("id_before")?.addEventListener("change", (event) => {
  const reason = document.getElementById("id_reason");
  if (event.target.value) reason.value = event.target.value;
});
