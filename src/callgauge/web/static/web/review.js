// The keys of the review queue: whatever carries data-press is pressed by that key.
"use strict";

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (target.closest("textarea, select, [contenteditable], input:not([type=checkbox])")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (document.querySelector("dialog[open]")) return; // Escape and the button close it
  const pressed = document.querySelector(`[data-press="${CSS.escape(event.key)}"]`);
  if (!pressed) return;
  event.preventDefault();
  if (pressed.matches("textarea")) pressed.focus();
  else pressed.click();
});

document.addEventListener("click", (event) => {
  if (event.target.closest(".keys-open")) document.getElementById("keys").showModal();
});

// An answer is sent once: a second press while it is on its way would answer the next item unseen.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
