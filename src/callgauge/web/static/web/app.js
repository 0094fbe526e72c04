// What every page needs: copy buttons, the search key, focus after a swap, words for what went wrong.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom).textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea"); // pages over http have no clipboard of their own
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button.focus();
  }
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1200);
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
  const field = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!field) return;
  event.preventDefault();
  field.focus();
});

// A menu that is a <details> closes when one clicks beside it or presses Escape.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.switch[open], details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.switch[open], details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// Forms that filter are sent as soon as something is chosen; without this script there is a button.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-send-on-change]");
  if (form && !event.target.closest("[data-wait]")) form.requestSubmit();
});

// An answer that says what went wrong is shown in place, as far as it is a part of a page.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status >= 400 && (xhr.getResponseHeader("Content-Type") || "").startsWith("text/html")) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
    // Where a part of a page was wanted and words came instead, the words are shown.
    const wanted = event.detail.elt.getAttribute("hx-select");
    if (wanted && !xhr.responseText.includes(`id="${wanted.slice(1)}"`)) event.detail.selectOverride = "unset";
  }
});

// One box that ticks all others of its name; and ticks survive a list that is read anew.
document.addEventListener("change", (event) => {
  const name = event.target.dataset.checkAll;
  if (!name) return;
  for (const box of document.querySelectorAll(`input[type="checkbox"][name="${CSS.escape(name)}"]`)) box.checked = event.target.checked;
});
let ticked = new Set();
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.detail.target.matches("[data-keep-checked]")) return;
  ticked = new Set([...event.detail.target.querySelectorAll("input:checked")].map((box) => `${box.name} ${box.value}`));
});
document.addEventListener("htmx:afterSettle", () => {
  if (!ticked.size) return;
  for (const box of document.querySelectorAll("input[type=checkbox]")) box.checked ||= ticked.has(`${box.name} ${box.value}`);
  ticked = new Set();
});

// What refreshes by itself waits while somebody types in it or has something open there.
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  if (!part.matches("[data-keep-typing]")) return;
  if (part.querySelector("details[open]") || part.querySelector("textarea:focus, input:focus, select:focus")) event.preventDefault();
});
