// A call: the drawing of its sound, the player, and what points from results to words and back.
"use strict";

(() => {
  const sound = document.querySelector("[data-lanes]");
  const box = document.querySelector(".lanes");
  const audio = document.querySelector("audio");
  const list = document.querySelector(".turns");
  const follow = document.querySelector("[data-follow]");
  const clock = document.querySelector("[data-clock]");
  const turns = [...document.querySelectorAll(".turn[data-start]")];
  const starts = turns.map((turn) => Number(turn.dataset.start));
  const REDUCED = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const MIN_SPAN_SECS = 2;

  let lanes = null; // what there is to draw, once it is here
  let from = 0; // the first and last second that are shown
  let to = 1;
  let at = 0; // the playhead
  let picked = null; // a stretch that was dragged over
  let lit = ""; // the metric whose evidence is shown
  let drawing = false;

  const say = (secs) => {
    const whole = Math.floor(secs);
    const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (number) => String(number).padStart(2, "0");
    return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  };
  // A canvas knows no custom properties: a probe tells what they come to, light or dark.
  const probe = document.createElement("span");
  let inks = null;
  function ink() {
    if (inks) return inks;
    document.body.append(probe);
    inks = {};
    for (const name of ["agent", "caller", "muted", "edge", "fail", "text", "warn", "accent"]) {
      probe.style.color = `var(--${name})`;
      inks[name] = getComputedStyle(probe).color;
    }
    probe.remove();
    return inks;
  }

  // --- The playhead ------------------------------------------------------------------------------

  function turnAt(secs) {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= secs + 0.05) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  let now = null;
  function place(secs, scroll) {
    at = Math.max(0, Math.min(secs, lanes ? lanes.duration : secs));
    if (clock) clock.textContent = say(at);
    if (box) {
      box.setAttribute("aria-valuenow", String(Math.round(at)));
      box.setAttribute("aria-valuetext", say(at));
    }
    const turn = turns[turnAt(at)] || null;
    if (turn !== now) {
      if (now) now.classList.remove("now");
      if (turn) turn.classList.add("now");
      now = turn;
      if (turn && scroll && list) {
        const middle = turn.offsetTop - list.offsetTop - list.clientHeight / 2 + turn.offsetHeight / 2;
        list.scrollTo({ top: middle, behavior: REDUCED ? "auto" : "smooth" });
      }
    }
    draw();
  }

  function go(secs, play) {
    picked = null;
    if (audio) {
      audio.currentTime = secs;
      if (play) audio.play().catch(() => {});
    }
    place(secs, true);
    if (secs < from || secs > to) show(secs - (to - from) / 2, secs + (to - from) / 2);
  }

  if (audio) {
    let frame = 0;
    const step = () => {
      place(audio.currentTime, follow && follow.checked);
      if (picked && audio.currentTime >= picked[1]) audio.pause();
      if (at > to && to < lanes?.duration) show(at, at + (to - from));
      if (!audio.paused) frame = requestAnimationFrame(step);
    };
    audio.addEventListener("play", () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(step); });
    audio.addEventListener("seeked", () => place(audio.currentTime, follow && follow.checked));
  }

  document.addEventListener("click", (event) => {
    const time = event.target.closest("[data-at]");
    if (!time) return;
    if (time.tagName === "BUTTON") event.preventDefault();
    go(Number(time.dataset.at), Boolean(audio));
  });

  // --- Evidence, both ways -----------------------------------------------------------------------

  const shares = (element, metric) => (element.dataset.metrics || "").split(" ").includes(metric);

  function light(metric) {
    lit = metric;
    for (const one of document.querySelectorAll(".lit")) one.classList.remove("lit");
    if (metric) {
      for (const one of document.querySelectorAll("[data-metrics]")) {
        if (shares(one, metric)) one.classList.add("lit");
      }
      document.getElementById(`result-${metric}`)?.classList.add("lit");
    }
    draw();
  }

  document.addEventListener("click", (event) => {
    const mark = event.target.closest("mark[data-metrics]");
    if (mark) {
      const metrics = mark.dataset.metrics.split(" ");
      const next = metrics[(metrics.indexOf(lit) + 1) % metrics.length];
      light(next);
      document.getElementById(`result-${next}`)?.scrollIntoView({ block: "nearest" });
      return;
    }
    const line = event.target.closest("a[data-turn]");
    if (line) {
      light(line.dataset.metric);
      const turn = document.getElementById(`turn-${line.dataset.turn}`);
      if (turn && turn.dataset.start) place(Number(turn.dataset.start), true);
      if (turn && turn.dataset.start && audio) audio.currentTime = Number(turn.dataset.start);
      return;
    }
    const result = event.target.closest(".result");
    if (result && !event.target.closest("a, button, input, select, textarea, summary, label")) {
      light(lit === result.dataset.metric ? "" : result.dataset.metric);
    }
  });

  // --- The drawing -------------------------------------------------------------------------------

  if (!sound || !box) return;
  const canvas = box.querySelector("canvas");
  const pen = canvas.getContext("2d");

  fetch(sound.dataset.lanes, { headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
    .then((found) => {
      lanes = found;
      show(0, lanes.duration);
    })
    .catch(() => {
      box.replaceChildren("The drawing could not be loaded. Reload the page to try again.");
    });

  function show(first, last) {
    const span = Math.max(MIN_SPAN_SECS, Math.min(last - first, lanes.duration));
    from = Math.max(0, Math.min(first, lanes.duration - span));
    to = from + span;
    draw();
  }

  function zoom(factor, around) {
    if (!lanes) return;
    const span = (to - from) * factor;
    show(around - ((around - from) / (to - from)) * span, around + ((to - around) / (to - from)) * span);
  }

  function draw() {
    if (drawing || !lanes || !pen) return;
    drawing = true;
    requestAnimationFrame(() => { drawing = false; paint(); });
  }

  function paint() {
    const scale = devicePixelRatio || 1;
    const width = box.clientWidth;
    const height = box.clientHeight;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const x = (secs) => ((secs - from) / (to - from)) * width;
    const axis = 18;
    const lane = (height - axis) / 2;
    const middles = { agent: lane / 2, caller: lane + lane / 2 };
    const inks = ink();
    const seen = (start, end) => end >= from && start <= to;

    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    // Time
    const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800].find((one) => ((to - from) / one) * 64 < width) || 3600;
    for (let secs = Math.ceil(from / step) * step; secs <= to; secs += step) {
      pen.fillStyle = inks.edge;
      pen.fillRect(x(secs), 0, 1, height - axis);
      pen.fillStyle = inks.muted;
      pen.fillText(step < 1 ? secs.toFixed(1) : say(secs), x(secs) + 3, height - axis / 2);
    }
    pen.fillStyle = inks.edge;
    pen.fillRect(0, lane, width, 1);
    pen.fillRect(0, height - axis, width, 1);
    // Silences behind everything
    pen.globalAlpha = 0.5;
    for (const event of lanes.events) {
      if (event.kind !== "silence" || !seen(event.start, event.end)) continue;
      pen.fillStyle = inks.edge;
      pen.fillRect(x(event.start), lane - 5, Math.max(1, x(event.end) - x(event.start)), 10);
    }
    pen.globalAlpha = 1;
    // Speech
    for (const side of ["agent", "caller"]) {
      const spans = [...lanes[side], ...lanes.both];
      pen.fillStyle = inks[side];
      pen.globalAlpha = lanes.peaks ? 0.14 : 0.55;
      for (const [start, end] of spans) {
        if (seen(start, end)) pen.fillRect(x(start), middles[side] - lane * 0.36, Math.max(1, x(end) - x(start)), lane * 0.72);
      }
      pen.globalAlpha = 1;
      peaks(side, x, middles[side], lane, width, inks);
    }
    // Evidence of the result that is looked at
    if (lit) {
      pen.fillStyle = inks.warn;
      for (const turn of document.querySelectorAll(".turn[data-start]")) {
        if (!shares(turn, lit) && !turn.querySelector("mark.lit")) continue;
        const place = x(Number(turn.dataset.start));
        pen.beginPath();
        pen.moveTo(place - 5, 0);
        pen.lineTo(place + 5, 0);
        pen.lineTo(place, 8);
        pen.fill();
        pen.fillRect(place, 0, 1, height - axis);
      }
    }
    // Events
    let free = -1e9;
    for (const event of lanes.events) {
      if (!seen(event.start, event.end)) continue;
      const [first, last] = [x(event.start), Math.max(x(event.start) + 1, x(event.end))];
      if (event.kind === "latency" || event.kind === "slow") {
        pen.fillStyle = event.kind === "slow" ? inks.fail : inks.muted;
        pen.fillRect(first, lane - (event.kind === "slow" ? 1 : 0), last - first, event.kind === "slow" ? 3 : 2);
        const words = `${Math.round((event.end - event.start) * 1000)} ms`;
        if (last - first > 8 && first > free && (to - from) * 14 < width) {
          pen.fillText(words, first, lane - 9);
          free = first + pen.measureText(words).width + 6;
        }
      } else if (event.kind === "tool" || event.kind === "tool-failed") {
        pen.fillStyle = event.kind === "tool" ? inks.text : inks.fail;
        pen.fillRect(first - 1, height - axis - 10, 2, 10);
      } else if (event.kind !== "silence") {
        hatch(first, last, height - axis, event.kind === "backchannel" ? inks.muted : inks.fail);
        if (last - first > pen.measureText(event.kind).width + 4) {
          pen.fillStyle = event.kind === "backchannel" ? inks.muted : inks.fail;
          pen.fillText(event.kind, first + 2, 8);
        }
      }
    }
    if (picked) {
      pen.fillStyle = inks.accent;
      pen.globalAlpha = 0.18;
      pen.fillRect(x(picked[0]), 0, x(picked[1]) - x(picked[0]), height - axis);
      pen.globalAlpha = 1;
    }
    pen.fillStyle = inks.text;
    pen.fillRect(x(at), 0, 1.5, height - axis);
  }

  function hatch(first, last, height, stroke) {
    pen.save();
    pen.beginPath();
    pen.rect(first, 0, Math.max(3, last - first), height);
    pen.clip();
    pen.strokeStyle = stroke;
    pen.globalAlpha = 0.6;
    pen.beginPath();
    for (let place = first - height; place < last + 4; place += 6) {
      pen.moveTo(place, height);
      pen.lineTo(place + height, 0);
    }
    pen.stroke();
    pen.restore();
  }

  function peaks(side, x, middle, lane, width, inks) {
    if (!lanes.peaks) return;
    const known = lanes.peaks.channels;
    let channel = known.findIndex((one) => one.role === (side === "agent" ? "Main Agent" : "Testing Agent"));
    if (channel < 0 && known.length === 1) channel = 0;
    if (channel < 0) channel = side === "agent" ? 0 : 1;
    // The coarsest outline that still has a point for each pixel
    const zooms = lanes.peaks.zooms;
    const wanted = (to - from) / width;
    const zoom = zooms.find((one) => one.secs_per_point <= wanted) || zooms[zooms.length - 1];
    const values = zoom.peaks[channel];
    if (!values) return;
    const secs = zoom.secs_per_point;
    pen.fillStyle = inks[side];
    const first = Math.max(0, Math.floor(from / secs));
    const last = Math.min(values.length, Math.ceil(to / secs) + 1);
    if (secs > wanted) { // fewer points than pixels: each as wide as it is long
      for (let i = first; i < last; i += 1) {
        const tall = Math.max(1, values[i] * lane * 0.9);
        pen.fillRect(x(i * secs), middle - tall / 2, Math.max(1, x((i + 1) * secs) - x(i * secs)), tall);
      }
      return;
    }
    for (let pixel = 0; pixel < width; pixel += 1) {
      let highest = 0;
      const end = Math.min(values.length, Math.ceil((from + (pixel + 1) * wanted) / secs));
      for (let i = Math.floor((from + pixel * wanted) / secs); i < end; i += 1) highest = Math.max(highest, values[i]);
      const tall = Math.max(1, highest * lane * 0.9);
      pen.fillRect(pixel, middle - tall / 2, 1, tall);
    }
  }

  // --- Mouse, touch and keys ---------------------------------------------------------------------

  const secsAt = (event) => from + ((event.clientX - box.getBoundingClientRect().left) / box.clientWidth) * (to - from);
  let down = null;
  box.addEventListener("pointerdown", (event) => {
    if (event.button || !lanes) return;
    down = secsAt(event);
    picked = null;
    box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => {
    if (down === null) {
      const near = lanes?.events.find((one) => Math.abs(secsAt(event) - (one.start + one.end) / 2) <= Math.max((one.end - one.start) / 2, ((to - from) / box.clientWidth) * 4));
      box.title = near ? `${say(near.start)}: ${near.words}` : "";
      return;
    }
    const here = secsAt(event);
    picked = Math.abs(here - down) > ((to - from) / box.clientWidth) * 4 ? [Math.min(here, down), Math.max(here, down)] : null;
    draw();
  });
  box.addEventListener("pointerup", () => {
    if (down === null) return;
    const kept = picked;
    go(kept ? kept[0] : down, Boolean(audio));
    picked = kept;
    down = null;
    draw();
  });
  box.addEventListener("pointercancel", () => { down = null; });
  box.addEventListener("wheel", (event) => {
    if (!lanes) return;
    // Once the drawing has been clicked, the wheel is its own; before that, it scrolls the page.
    const zooms = event.ctrlKey || event.metaKey || document.activeElement === box;
    if (zooms && !event.shiftKey && Math.abs(event.deltaY) > Math.abs(event.deltaX)) {
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, secsAt(event));
    } else if (event.deltaX || event.shiftKey) {
      event.preventDefault();
      const move = ((event.deltaX || event.deltaY) / box.clientWidth) * (to - from);
      show(from + move, to + move);
    }
  }, { passive: false });
  box.addEventListener("keydown", (event) => {
    if (!lanes || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 15 : 2;
    const keys = {
      ArrowLeft: () => go(Math.max(0, at - far), false),
      ArrowRight: () => go(Math.min(lanes.duration, at + far), false),
      Home: () => go(0, false),
      End: () => go(lanes.duration, false),
      "+": () => zoom(0.5, at),
      "=": () => zoom(0.5, at),
      "-": () => zoom(2, at),
      0: () => show(0, lanes.duration),
      " ": () => audio && (audio.paused ? audio.play().catch(() => {}) : audio.pause()),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    if (!button || !lanes) return;
    if (button.dataset.zoom === "all") show(0, lanes.duration);
    else zoom(button.dataset.zoom === "in" ? 0.5 : 2, at >= from && at <= to ? at : (from + to) / 2);
  });
  new ResizeObserver(draw).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { inks = null; draw(); });
})();
