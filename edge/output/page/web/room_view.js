// Draws the room on a 2D canvas: floor grid, sensor, people. Room frame: x right, y forward, z up,
// metres.

import { Figure } from "./figure.js";
import { Orbit } from "./orbit.js";
import { Pen } from "./pen.js";

const HALF_WIDTH_M = 3;
const FRUSTUM_M = 0.7;
const SETTLE_S = 0.07; // poses come about ten times a second; between them the figures glide
const COLOURS = ["back", "back-far", "grid", "ink", "soft", "echo", "shadow", "zone", "on-person", ...[0, 1, 2, 3, 4, 5].map((k) => `person-${k}`)];

/** Set `site` and `people`; the view redraws itself while something moves, and only then. */
export class RoomView {
  constructor(canvas, onView) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.site = null;
    this.figures = new Map(); // by the person's id
    this.frames = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.orbit = new Orbit(canvas, (view) => { this.invalidate(); onView(view); });
    this.pen = new Pen(this.context, this.orbit);
    new ResizeObserver(() => this.invalidate()).observe(canvas);
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.#readColours());
    this.#readColours();
  }

  /** site: config.json of the page. */
  setSite(site) {
    this.site = site;
    this.depth = Math.max(3, Math.ceil(site.max_range_m));
    this.floor = site.frame === "room" ? 0 : -1.4;
    this.array = mean([...site.mics, ...site.speakers]);
    const gaze = [0, 1].map((axis) => site.frustum.reduce((sum, corner) => sum + corner[axis] - site.camera[axis], 0));
    const length = Math.hypot(...gaze) || 1;
    this.gaze = gaze.map((v) => v / length);
    this.orbit.target = [site.camera[0] + 2.2 * this.gaze[0], site.camera[1] + 2.2 * this.gaze[1], this.floor + 0.95];
    this.invalidate();
  }

  /** people: as `asDrawn` makes each, at time_s [s]; empty for nobody. */
  setPeople(people, time_s) {
    const jump = this.still || !(Math.abs(time_s - this.time_s) <= 1);
    this.time_s = time_s;
    const before = this.figures;
    this.figures = new Map(people.map((person) => [person.id, before.get(person.id) ?? new Figure(this.pen)]));
    for (const person of people) this.figures.get(person.id).set(person, time_s, jump);
    this.invalidate();
  }

  invalidate() {
    this.request ??= requestAnimationFrame((now) => {
      this.request = null;
      const moving = this.#glide(now);
      this.#draw();
      if (moving) this.invalidate();
    });
  }

  #readColours() {
    const style = getComputedStyle(document.documentElement);
    this.pen.colours = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.invalidate();
  }

  #glide(now) {
    const dt = Math.min(0.1, (now - (this.last ?? now)) / 1000);
    this.last = now;
    const share = 1 - Math.exp(-dt / SETTLE_S);
    return Math.max(0, ...[...this.figures.values()].map((figure) => figure.glide(share))) > 0.002;
  }

  #draw() {
    const { canvas, context: c, orbit } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.lineCap = c.lineJoin = "round";
    const back = c.createLinearGradient(0, 0, 0, height);
    back.addColorStop(0, this.pen.colours["back-far"]);
    back.addColorStop(1, this.pen.colours.back);
    this.pen.style("back", 1, 1);
    c.fillStyle = back;
    c.fillRect(0, 0, width, height);
    this.frames += 1;
    if (this.site === null) return;
    orbit.aim(width, height);
    this.#drawFloor();
    this.#drawZones();
    this.#drawSensor();
    const figures = [...this.figures.values()].sort((a, b) => b.depth - a.depth);
    for (const figure of figures) figure.draw(this.floor, this.array);
    this.pen.badges(figures.map((figure) => figure.badge).filter(Boolean));
  }

  #drawFloor() {
    const { pen } = this, z = this.floor, [x0] = this.site.camera, y0 = Math.min(0, this.site.camera[1]);
    for (let x = -HALF_WIDTH_M; x <= HALF_WIDTH_M; x++) {
      for (let y = 0; y < this.depth; y++) pen.line([x0 + x, y0 + y, z], [x0 + x, y0 + y + 1, z], "grid", 1, this.#fade(x0 + x, y0 + y));
    }
    for (let y = 0; y <= this.depth; y++) {
      for (let x = -HALF_WIDTH_M; x < HALF_WIDTH_M; x++) pen.line([x0 + x, y0 + y, z], [x0 + x + 1, y0 + y, z], "grid", 1, this.#fade(x0 + x, y0 + y));
      if (y > 0) pen.label([x0 + HALF_WIDTH_M + 0.18, y0 + y, z], `${y} m`, this.#fade(x0 + HALF_WIDTH_M, y0 + y));
    }
  }

  /** Zones lie on the floor; those that somebody present is in are filled. */
  #drawZones() {
    if (this.site.frame !== "room") return;
    const { pen } = this, here = [...this.figures.values()].map((figure) => figure.person).filter((p) => p.presence === "present");
    for (const { name, polygon } of this.site.zones ?? []) {
      const corners = polygon.map(([x, y]) => [x, y, this.floor]), inside = here.some((person) => person.zones.includes(name));
      pen.fill(corners, "zone", inside ? 0.22 : 0.06);
      corners.forEach((corner, i) => pen.line(corner, corners[(i + 1) % corners.length], "zone", inside ? 2 : 1.2, inside ? 1 : 0.6, inside ? [] : [5, 4]));
      const height = (corner) => this.orbit.project(corner)?.y ?? -Infinity;
      const lowest = corners.reduce((a, b) => (height(b) > height(a) ? b : a)); // on the screen: nobody stands before it
      pen.label(lowest, name, 1, inside ? "ink" : "soft", 11);
    }
  }

  /** Lines far from the eye are fainter. */
  #fade(x, y) {
    const d = Math.hypot(x - this.orbit.eye[0], y - this.orbit.eye[1], this.orbit.eye[2]);
    return Math.max(0.25, Math.min(1, 1.5 - d / 11));
  }

  #drawSensor() {
    const { pen } = this, { camera, frustum, mics, speakers } = this.site;
    pen.line([camera[0], camera[1], this.floor], camera, "soft", 1.5, 0.8, [3, 5]);
    const corners = frustum.map((corner) => corner.map((v, i) => camera[i] + FRUSTUM_M * (v - camera[i])));
    corners.forEach((corner, i) => {
      pen.line(camera, corner, "ink", 1.2, 0.7);
      pen.line(corner, corners[(i + 1) % 4], "ink", 1.2, 0.7);
    });
    pen.fill(corners, "ink", 0.05);
    // The whole field of view, as far as it reaches on the floor, very faint.
    frustum.forEach((corner) => {
      const reach = Math.min(this.depth, corner[2] < camera[2] - 1e-3 ? (this.floor - camera[2]) / (corner[2] - camera[2]) : this.depth);
      pen.line(camera, corner.map((v, i) => camera[i] + reach * (v - camera[i])), "ink", 1, 0.16);
    });
    mics.forEach((mic) => pen.dot(mic, 0.016, 2, "ink", 0.95));
    speakers.forEach((speaker) => pen.dot(speaker, 0.03, 3.2, "echo", 1));
    pen.dot(camera, 0.02, 2.6, "ink", 1);
    pen.label([camera[0], camera[1], camera[2] + 0.16], "camera and array", 1);
  }
}

function mean(points) {
  return [0, 1, 2].map((i) => points.reduce((sum, p) => sum + p[i], 0) / points.length);
}
