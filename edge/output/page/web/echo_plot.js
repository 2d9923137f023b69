// The echo against distance: the profile of the sound, and of each person the echo's onset and the
// hips +/- 1 sigma.

import { element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const LOW = { height: 86, top: 36, base: 56 }, TALL = { height: 178, top: 32, base: 148 }; // as style.css has them
const MARGIN = 18, GRID_DB = 20, STEP_DB = 10;
const CHIP = 8; // radius of a person's number

export class EchoPlot {
  constructor(svg) {
    this.svg = svg;
    this.max = 6;
    this.marks = [];
    this.profile = this.scale = null;
    this.size = LOW;
    new ResizeObserver(() => this.#draw()).observe(svg);
  }

  /** max_m: end of the ruler. profiles: whether profiles will come, which need more room. */
  set(max_m, profiles) {
    this.max = Math.max(1, Math.ceil(max_m));
    this.#grow(profiles);
    this.marks = [];
    this.profile = this.scale = null;
    this.#draw();
  }

  /**
   * marks: of each person {id, colour, presence, hips, sigma, echo [m], scale}; hips, sigma and echo
   * may be null. profile: envelope message or null.
   */
  show(marks, profile) {
    [this.marks, this.profile] = [marks, profile];
    if (profile !== null) {
      if (this.size !== TALL) this.#grow(true);
      this.#fit(profile.level_db);
    }
    this.#draw();
  }

  #grow(tall) {
    this.size = tall ? TALL : LOW;
    this.svg.classList.toggle("tall", tall);
    document.documentElement.classList.toggle("profiles", tall);
  }

  /** The scale widens at once, and narrows only when much of it is unused, to avoid jumps. */
  #fit(levels) {
    const low = STEP_DB * Math.floor((Math.min(...levels) - 2) / STEP_DB), high = STEP_DB * Math.ceil((Math.max(...levels) + 2) / STEP_DB);
    const old = this.scale ?? [low, high];
    this.scale = [low < old[0] || low > old[0] + STEP_DB ? low : old[0], high > old[1] || high < old[1] - STEP_DB ? high : old[1]];
  }

  #x(m) {
    return MARGIN + (Math.min(Math.max(m, 0), this.max) / this.max) * (this.width - 2 * MARGIN);
  }

  #y(db) {
    const [low, high] = this.scale, share = (Math.min(Math.max(db, low), high) - low) / (high - low);
    return this.size.base - share * (this.size.base - this.size.top);
  }

  #draw() {
    this.width = this.svg.clientWidth || 600;
    const known = this.profile !== null;
    const parts = [...(known ? this.#grid() : []), ...this.marks.flatMap((mark) => this.#band(mark)), ...(known ? this.#curve() : [])];
    parts.push(...this.#ruler(), ...this.#people());
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.size.height}`);
    this.svg.setAttribute("aria-label", this.#words());
    this.svg.replaceChildren(...parts);
  }

  #ruler() {
    const { base } = this.size, parts = [shape("line", { x1: this.#x(0), y1: base, x2: this.#x(this.max), y2: base, class: "ruler" })];
    for (let half = 0; half <= this.max * 2; half++) {
      const whole = half % 2 === 0, x = this.#x(half / 2);
      parts.push(shape("line", { x1: x, y1: base, x2: x, y2: base + (whole ? 7 : 4), class: "ruler" }));
      if (whole) parts.push(shape("text", { x, y: base + 21, class: "tick", "text-anchor": "middle" }, half === 0 ? "0 m" : String(half / 2)));
    }
    return parts;
  }

  #grid() {
    const [low, high] = this.scale, parts = [];
    let unit = " dB";
    for (let db = GRID_DB * Math.floor((high - 1) / GRID_DB); db > low; db -= GRID_DB) {
      const y = this.#y(db);
      parts.push(shape("line", { x1: this.#x(0), y1: y, x2: this.#x(this.max), y2: y, class: "grid" }));
      parts.push(shape("text", { x: 2, y: y - 3, class: "tick" }, `${db}${unit}`.replace("-", "−")));
      unit = "";
    }
    return parts;
  }

  #curve() {
    const { first_m, step_m, level_db } = this.profile;
    const points = level_db.map((db, i) => `${this.#x(first_m + i * step_m).toFixed(1)} ${this.#y(db).toFixed(1)}`);
    const [left, right] = [this.#x(first_m), this.#x(first_m + (level_db.length - 1) * step_m)].map((x) => x.toFixed(1));
    return [
      shape("path", { d: `M${left} ${this.size.base}L${points.join("L")}L${right} ${this.size.base}z`, class: "area" }),
      shape("path", { d: `M${points.join("L")}`, class: "profile" }),
    ];
  }

  #band(mark) {
    const { base, top } = this.size;
    if (mark.hips === null) return [];
    const left = this.#x(mark.hips - (mark.sigma ?? 0)), right = this.#x(mark.hips + (mark.sigma ?? 0));
    return [shape("rect", { x: left, y: top, width: Math.max(1, right - left), height: base - top, rx: 3, class: "sigma", ...own(mark) })];
  }

  /** Hips, echo and number of each; numbers that would cover each other stand in two rows. */
  #people() {
    const { base, top } = this.size, parts = [];
    let last = -Infinity, raised = false;
    for (const mark of [...this.marks].sort((a, b) => a.hips - b.hips)) {
      if (mark.echo !== null) {
        const x = this.#x(mark.echo);
        parts.push(shape("line", { x1: x, y1: base - 9, x2: x, y2: top, class: "echo", ...own(mark) }));
        parts.push(shape("path", { d: `M${x} ${base} l-5 -9 h10 z`, class: "echo", ...own(mark) }));
      }
      if (mark.hips === null) continue;
      const x = this.#x(mark.hips);
      raised = x - last < 2 * CHIP + 1 && !raised;
      last = x;
      const y = top - CHIP - 1 - (raised ? 2 * CHIP : 0);
      parts.push(shape("line", { x1: x, y1: y, x2: x, y2: base, class: `hips ${mark.scale}`, ...own(mark) }));
      parts.push(shape("circle", { cx: x, cy: y, r: CHIP, class: "number", ...own(mark) }));
      parts.push(shape("text", { x, y: y + 4, class: "number", "text-anchor": "middle" }, String(mark.id)));
    }
    return parts;
  }

  #words() {
    const p = this.profile, placed = this.marks.filter((mark) => mark.hips !== null);
    const words = [`Echo against distance, 0 to ${this.max} metres`];
    if (placed.length === 0) words.push("nobody on it");
    for (const mark of placed) {
      const sigma = mark.sigma === null ? "" : ` plus or minus ${mark.sigma.toFixed(2)}`;
      const echo = mark.echo === null ? "no echo used" : `echo onset at ${mark.echo.toFixed(2)} metres`;
      words.push(`person ${mark.id}: hips at ${mark.hips.toFixed(2)} metres${sigma}, ${echo}`);
    }
    if (p !== null) {
      const strongest = Math.max(...p.level_db), at = p.first_m + p.level_db.indexOf(strongest) * p.step_m;
      words.push(`strongest sound ${strongest.toFixed(0)} decibels at ${at.toFixed(1)} metres`);
    }
    return words.join("; ");
  }
}

/** What gives a shape its person's colour. */
function own(mark) {
  return { "data-person": mark.id, "data-colour": mark.colour, "data-presence": mark.presence };
}

function shape(name, attributes, text) {
  return element(SVG, name, attributes, text);
}
