// Text with colours: what is shown, and what is written. A field lies over a mirror of its own text that has the
// colours, so that it stays a plain field; without this script it is nothing else.
"use strict";

(() => {
  const KEYWORDS =
    "and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case";
  const VALUES = "True False None";
  const OURS = "data evaluate _result _explanation _extra print";
  const kindOf = new Map();
  for (const [kind, words] of [["keyword", KEYWORDS], ["value", VALUES], ["ours", OURS]]) {
    for (const word of words.split(" ")) kindOf.set(word, kind);
  }
  // In this order: a quote inside a comment begins no text, and a # inside a text begins no comment.
  const PYTHON =
    /(?<comment>#[^\n]*)|(?<text>[rbfuRBFU]{0,2}(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(?<number>\b\d[\w.]*)|(?<name>[A-Za-z_]\w*)/g;
  const WORDS = /(?<ours>\{\{[^{}]*\}\})/g;

  function coloured(text, language) {
    const whole = document.createDocumentFragment();
    const pattern = language === "python" ? PYTHON : WORDS;
    let at = 0;
    for (const match of text.matchAll(pattern)) {
      let [kind] = Object.entries(match.groups).find(([, found]) => found !== undefined);
      if (kind === "name") kind = kindOf.get(match[0]);
      if (!kind) continue;
      whole.append(text.slice(at, match.index));
      const part = document.createElement("span");
      part.className = `code-${kind}`;
      part.textContent = match[0];
      whole.append(part);
      at = match.index + match[0].length;
    }
    whole.append(text.slice(at));
    return whole;
  }

  for (const shown of document.querySelectorAll("[data-code]")) {
    shown.replaceChildren(coloured(shown.textContent, shown.dataset.code));
  }

  // The editors.
  const editors = new Map(); // by the field's name
  const touched = new WeakSet(); // in these the cursor is where somebody put it
  for (const field of document.querySelectorAll("textarea[data-editor]")) editors.set(field.name, editor(field));

  function editor(field) {
    const language = field.dataset.editor;
    const box = document.createElement("div");
    const gutter = document.createElement("div");
    const across = document.createElement("div"); // scrolls sideways by itself, so that the numbers stay
    const area = document.createElement("div");
    const mirror = document.createElement("pre");
    box.className = `code-box code-box-${language}`;
    gutter.className = "code-gutter";
    across.className = "code-across";
    area.className = "code-area";
    mirror.className = "code-mirror";
    gutter.setAttribute("aria-hidden", "true");
    mirror.setAttribute("aria-hidden", "true");
    box.style.setProperty("--rows", field.rows);
    field.replaceWith(box);
    if (language === "python") box.append(gutter);
    box.append(across);
    area.append(mirror, field);
    across.append(area);
    let lines = 0;
    function draw() {
      mirror.replaceChildren(coloured(field.value, language), "\n");
      const now = field.value.split("\n").length;
      if (language === "python" && now !== lines) {
        lines = now;
        gutter.replaceChildren(
          ...Array.from({ length: now }, (_, index) => {
            const number = document.createElement("span");
            number.textContent = index + 1;
            return number;
          }),
        );
      }
    }
    field.addEventListener("input", draw);
    for (const event of ["input", "keyup"]) {
      field.addEventListener(event, () => {
        // A browser scrolls no further than to the cursor; at the start of a line that cuts its first letters.
        const at = field.selectionStart;
        if (at - lineStart(field.value, at) < 20) across.scrollLeft = 0;
      });
    }
    field.addEventListener("focus", () => touched.add(field));
    if (language === "python") field.addEventListener("keydown", indent);
    draw();
    return { field, gutter };
  }

  const STEP = "    ";
  let leaving = false; // Esc was pressed: the next Tab leaves the field, as everywhere else
  function indent(event) {
    const field = event.target;
    if (event.key === "Escape") leaving = true;
    else if (event.key === "Tab" && !leaving && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      if (event.shiftKey || field.selectionStart !== field.selectionEnd) shift(field, event.shiftKey);
      else put(field, STEP.slice((field.selectionStart - lineStart(field.value, field.selectionStart)) % STEP.length));
    } else if (event.key === "Enter" && !event.ctrlKey && !event.isComposing) {
      event.preventDefault();
      const line = field.value.slice(lineStart(field.value, field.selectionStart), field.selectionStart);
      put(field, `\n${line.match(/^\s*/)[0]}${/:\s*(#.*)?$/.test(line) ? STEP : ""}`);
    } else if (!["Shift", "Control", "Alt", "Meta"].includes(event.key)) leaving = false;
  }
  document.addEventListener("focusout", () => (leaving = false));

  const lineStart = (text, at) => text.lastIndexOf("\n", at - 1) + 1;

  function shift(field, back) {
    const [start, end] = [field.selectionStart, field.selectionEnd];
    const from = lineStart(field.value, start);
    const before = field.value.slice(from, lineEnd(field.value, end));
    const after = before.replace(/^.*$/gm, (line) => (back ? line.replace(/^( {1,4}|\t)/, "") : line && STEP + line));
    if (after === before) return;
    field.setSelectionRange(from, from + before.length);
    put(field, after);
    const place = Math.max(from, start + after.length - before.length);
    if (start === end) field.setSelectionRange(place, place);
    else field.setSelectionRange(from, from + after.length);
  }
  const lineEnd = (text, at) => (text.indexOf("\n", at) + 1 || text.length + 1) - 1;

  // The old command keeps the browser's own undo; where it is gone, the text is put all the same.
  function put(field, text) {
    if (!touched.has(field)) field.setSelectionRange(field.value.length, field.value.length);
    field.focus();
    if (text === "" ? document.execCommand("delete") : document.execCommand("insertText", false, text)) return;
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // Variables go where one was writing, and a fault leads to its line.
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-insert]");
    if (chosen) put(editors.get(chosen.dataset.into).field, chosen.dataset.insert);
    const fault = event.target.closest("[data-go-line]");
    const found = fault && editors.get(fault.dataset.field);
    if (found) {
      const rows = found.field.value.split("\n");
      const from = rows.slice(0, fault.dataset.goLine - 1).join("\n").length + (fault.dataset.goLine > 1 ? 1 : 0);
      found.field.focus();
      found.field.setSelectionRange(from, from + (rows[fault.dataset.goLine - 1] || "").length);
    }
  });
  function mark() {
    for (const number of document.querySelectorAll(".code-gutter .is-marked")) number.classList.remove("is-marked");
    for (const finding of document.querySelectorAll(".findings [data-line]")) {
      const found = editors.get(finding.dataset.field);
      found?.gutter.children[finding.dataset.line - 1]?.classList.add("is-marked");
    }
  }
  document.addEventListener("htmx:afterSettle", mark);
  mark();

  // Fields that only matter with another choice.
  const form = document.querySelector("form[data-draft]");
  if (!form) return;
  function reveal() {
    for (const part of form.querySelectorAll("[data-when]")) {
      const [name, value] = part.dataset.when.split("=");
      part.hidden = new FormData(form).get(name) !== value;
    }
  }
  form.addEventListener("change", reveal);
  reveal();

  // Enter in a line saves nothing by accident, and a page that is left says so where something would be lost.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input:not([type=checkbox], [type=radio])")) event.preventDefault();
  });
  let changed = false;
  form.addEventListener("input", (event) => (changed ||= !event.target.matches("[name=call], [name=more_calls], [name=beside]")));
  form.addEventListener("submit", () => (changed = false));
  window.addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });
})();
