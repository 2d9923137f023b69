// What is shown when: the stream with its last minute, or a recording; to pause, scrub and play.
// Nothing is stored beyond this page.

const MINUTE_MS = 60000;
const STALE_MS = { pose: 2000, envelope: 5000 }; // longer than this without one: nobody is in view, nothing is heard
const TICK_MS = 80;

/**
 * show({pose, envelope, events, live}): what to show now; a message or null each. events: those of
 * a recording so far, null without one. controls: {play, scrub, moment, live} elements.
 */
export class Timeline {
  constructor(controls, show) {
    this.controls = controls;
    this.show = show;
    this.minute = { pose: [], envelope: [] };
    this.recording = null;
    this.mode = "live";
    this.at = this.origin = 0;
    this.cleared = 0;
    this.stream = true; // whether there is one to go back to
    controls.play.addEventListener("click", () => this.#go(this.mode === "paused" ? "playing" : "paused"));
    controls.scrub.addEventListener("input", () => {
      if (this.mode === "live") this.origin = performance.now();
      this.at = this.origin + 1000 * Number(controls.scrub.value);
      this.#go("paused", true);
    });
    this.#bound(-MINUTE_MS / 1000, 0, "Moment of the last minute, in seconds before now");
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** A new message of the stream, "pose" or "envelope"; not kept while the past is looked at. */
  add(kind, message) {
    if (this.mode !== "live") return;
    const now = performance.now(), list = this.minute[kind];
    list.push({ at: now, message });
    while (list[0].at < now - MINUTE_MS) list.shift();
    this.#render(now);
  }

  /** The sensor states that nobody is there. */
  clear() {
    this.cleared = performance.now();
    if (this.mode === "live") this.#render(this.cleared);
  }

  /** Open a recording (see recording.js) at its beginning, and play it or not. */
  open(recording, playing) {
    this.recording = recording;
    this.at = this.origin = 0;
    this.#bound(0, recording.length_s, "Moment of the recording, in seconds from its beginning");
    this.#go(playing ? "playing" : "paused", true);
  }

  /** Back to the stream. */
  close() {
    this.recording = null;
    this.#bound(-MINUTE_MS / 1000, 0, "Moment of the last minute, in seconds before now");
    this.#go("live");
  }

  get #first() {
    return this.recording ? 0 : this.minute.pose[0]?.at ?? this.origin;
  }

  get #end() {
    return this.recording ? 1000 * this.recording.length_s : this.origin;
  }

  #bound(min, max, name) {
    const { scrub } = this.controls;
    Object.assign(scrub, { min, max, step: Math.max(0.1, Math.round((max - min) / 60) / 10) });
    scrub.setAttribute("aria-label", name);
  }

  #go(mode, placed = false) {
    const now = performance.now();
    if (this.mode === "live" && mode === "paused" && !placed) this.at = this.origin = now;
    if (mode === "playing" && this.at >= this.#end) this.at = this.#first;
    this.mode = mode;
    this.last = now;
    const { play, live, scrub } = this.controls;
    play.textContent = mode === "paused" ? "Play" : "Pause";
    live.hidden = mode === "live" || !this.stream;
    if (mode === "live") scrub.value = "0";
    this.#render(now);
  }

  #tick() {
    const now = performance.now();
    if (this.mode === "playing") {
      this.at += now - this.last;
      if (this.at >= this.#end) {
        this.at = this.#end;
        this.#go("paused");
      }
    }
    this.last = now;
    if (this.mode !== "paused") this.#render(now);
  }

  #render(now) {
    const live = this.mode === "live";
    const at = live ? now : this.at, from = this.recording ?? this.minute;
    const shown = { live, events: this.recording ? this.recording.event.filter((e) => e.at <= at).map((e) => e.message) : null };
    for (const [kind, stale_ms] of Object.entries(STALE_MS)) {
      const entry = latest(from[kind], at);
      shown[kind] = entry && at - entry.at < stale_ms && !(live && this.cleared > entry.at) ? entry.message : null;
    }
    this.#label((at - this.origin) / 1000);
    this.show(shown);
  }

  #label(seconds) {
    const { scrub, moment } = this.controls;
    if (this.mode === "live") {
      moment.textContent = "live";
      return;
    }
    if (this.mode === "playing" || this.recording) scrub.value = seconds.toFixed(1);
    if (this.recording) {
      moment.textContent = `${clock(seconds)} / ${clock(this.recording.length_s)}`;
      scrub.setAttribute("aria-valuetext", `${seconds.toFixed(1)} of ${this.recording.length_s.toFixed(1)} seconds`);
    } else {
      moment.textContent = `${seconds.toFixed(1).replace("-", "−")} s`;
      scrub.setAttribute("aria-valuetext", `${Math.abs(seconds).toFixed(1)} seconds ago`);
    }
  }
}

/** The last entry not after `at` of a list in the order of time, or undefined. */
function latest(list, at) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].at <= at) low = middle + 1;
    else high = middle;
  }
  return list[low - 1];
}

function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}
