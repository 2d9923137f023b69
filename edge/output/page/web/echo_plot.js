// The echo against distance: the profile of the sound, the echo's onset, and the hips +/- 1 sigma.

import { element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const LOW = { height: 74, top: 24, base: 44 }, TALL = { height: 158, top: 12, base: 128 };
const MARGIN = 18, GRID_DB = 20, STEP_DB = 10;

export class EchoPlot {
  constructor(svg) {
    this.svg = svg;
    this.max = 6;
    this.mark = this.profile = this.scale = null;
    this.size = LOW;
    new ResizeObserver(() => this.#draw()).observe(svg);
  }

  /** max_m: end of the ruler. profiles: whether profiles will come, which need more room. */
  set(max_m, profiles) {
    this.max = Math.max(1, Math.ceil(max_m));
    this.#grow(profiles);
    this.mark = this.profile = this.scale = null;
    this.#draw();
  }

  /**
   * mark: {hips, sigma, echo [m], scale}, each but scale may be null; or null for nobody.
   * profile: envelope message or null.
   */
  show(mark, profile) {
    [this.mark, this.profile] = [mark, profile];
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
    const parts = [...(this.profile === null ? [] : this.#grid()), ...this.#band(), ...(this.profile === null ? [] : this.#curve())];
    parts.push(...this.#ruler(), ...this.#marks());
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

  #band() {
    const v = this.mark, { base, top } = this.size;
    if (v === null || v.hips === null) return [];
    const left = this.#x(v.hips - (v.sigma ?? 0)), right = this.#x(v.hips + (v.sigma ?? 0));
    return [shape("rect", { x: left, y: top, width: Math.max(1, right - left), height: base - top, rx: 3, class: `sigma ${v.scale}` })];
  }

  #marks() {
    const v = this.mark, { base, top } = this.size, parts = [];
    if (v !== null && v.hips !== null) {
      parts.push(shape("line", { x1: this.#x(v.hips), y1: top - 5, x2: this.#x(v.hips), y2: base, class: `hips ${v.scale}` }));
    }
    if (v !== null && v.echo !== null) {
      const x = this.#x(v.echo);
      parts.push(shape("line", { x1: x, y1: base - 9, x2: x, y2: top, class: "echo" }), shape("path", { d: `M${x} ${base} l-5 -9 h10 z`, class: "echo" }));
    }
    return parts;
  }

  #words() {
    const v = this.mark, p = this.profile;
    const words = [`Echo against distance, 0 to ${this.max} metres`];
    if (v === null || v.hips === null) words.push("nobody on it");
    else {
      words.push(`hips at ${v.hips.toFixed(2)} metres${v.sigma === null ? "" : ` plus or minus ${v.sigma.toFixed(2)}`}`);
      words.push(v.echo === null ? "no echo used" : `echo onset at ${v.echo.toFixed(2)} metres`);
    }
    if (p !== null) {
      const strongest = Math.max(...p.level_db), at = p.first_m + p.level_db.indexOf(strongest) * p.step_m;
      words.push(`strongest sound ${strongest.toFixed(0)} decibels at ${at.toFixed(1)} metres`);
    }
    return words.join("; ");
  }
}

function shape(name, attributes, text) {
  return element(SVG, name, attributes, text);
}
