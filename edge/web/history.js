// The last minute of poses, to pause, scrub and play again. Nothing is stored beyond this page.

const LENGTH_MS = 60000;
const STALE_MS = 2000; // longer than this without a pose: nobody is in view
const TICK_MS = 80;

/** show(message | null, live): what is to be seen now; controls: {play, scrub, moment, live} elements. */
export class History {
  constructor(controls, show) {
    this.controls = controls;
    this.show = show;
    this.entries = [];
    this.mode = "live";
    this.at = 0;
    this.since = null;
    controls.play.addEventListener("click", () => this.#go(this.mode === "paused" ? "playing" : "paused"));
    controls.live.addEventListener("click", () => {
      controls.play.focus();
      this.#go("live");
    });
    controls.scrub.addEventListener("input", () => {
      const now = performance.now();
      if (this.mode === "live") this.since = now;
      this.at = this.since + 1000 * Number(controls.scrub.value);
      this.#go("paused");
    });
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** A new pose message; not kept while the past is looked at. */
  add(message) {
    if (this.mode !== "live") return;
    const now = performance.now();
    this.entries.push({ at: now, message });
    while (this.entries[0].at < now - LENGTH_MS) this.entries.shift();
    this.show(message, true);
  }

  /** Somebody authoritative says that nobody is there. */
  clear() {
    if (this.mode === "live") this.show(null, true);
    this.cleared = performance.now();
  }

  #go(mode) {
    const now = performance.now();
    if (this.mode === "live" && mode === "paused" && this.controls.scrub.value === "0") [this.since, this.at] = [now, now];
    if (mode === "playing" && this.at >= this.since) this.at = (this.entries[0]?.at ?? now);
    this.mode = mode;
    this.last = now;
    const { play, live, scrub } = this.controls;
    play.textContent = mode === "paused" ? "Play" : "Pause";
    live.hidden = mode === "live";
    if (mode === "live") scrub.value = "0";
    this.#render(now);
  }

  #tick() {
    const now = performance.now();
    if (this.mode === "playing") {
      this.at += now - this.last;
      if (this.at >= this.since) {
        this.at = this.since;
        this.#go("paused");
      }
    }
    this.last = now;
    if (this.mode !== "paused") this.#render(now);
  }

  #render(now) {
    const { scrub, moment } = this.controls;
    const at = this.mode === "live" ? now : this.at;
    const entry = this.entries.findLast((e) => e.at <= at);
    const fresh = entry !== undefined && at - entry.at < STALE_MS && !(this.mode === "live" && this.cleared > entry.at);
    if (this.mode === "live") {
      if (!fresh) this.show(null, true);
      moment.textContent = "live";
      return;
    }
    const seconds = (at - this.since) / 1000;
    if (this.mode === "playing") scrub.value = seconds.toFixed(1);
    moment.textContent = `${seconds.toFixed(1).replace("-", "−")} s`;
    scrub.setAttribute("aria-valuetext", `${Math.abs(seconds).toFixed(1)} seconds ago`);
    this.show(fresh ? entry.message : null, false);
  }
}
