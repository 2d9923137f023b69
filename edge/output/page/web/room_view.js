// Draws the room on a 2D canvas: floor grid, sensor, person. Room frame: x right, y forward, z up,
// metres.

import { Orbit } from "./orbit.js";

const HALF_WIDTH_M = 3;
const FRUSTUM_M = 0.7;
const TRAIL_S = 6;
const NOSE = 0, NECK = 1, MID_HIP = 8;
// BODY_25 order, first 15 joints; the third entry picks the colour.
const BONES = [
  [0, 1, "trunk"], [1, 2, "right"], [2, 3, "right"], [3, 4, "right"], [1, 5, "left"], [5, 6, "left"], [6, 7, "left"],
  [1, 8, "trunk"], [8, 9, "right"], [9, 10, "right"], [10, 11, "right"], [8, 12, "left"], [12, 13, "left"], [13, 14, "left"],
];
const SETTLE_S = 0.07; // poses come about ten times a second; between them the figure glides
const COLOURS = ["back", "back-far", "grid", "ink", "soft", "left", "right", "trunk", "echo", "halo", "assumed", "shadow", "zone"];

/** Set `site` and `pose`; the view redraws itself while something moves, and only then. */
export class RoomView {
  constructor(canvas, onView) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.site = null;
    this.pose = null;
    this.shown = null;
    this.trail = [];
    this.frames = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.orbit = new Orbit(canvas, (view) => { this.invalidate(); onView(view); });
    new ResizeObserver(() => this.invalidate()).observe(canvas);
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.#readColours());
    this.#readColours();
  }

  /** site: config.json of the page. */
  setSite(site) {
    this.site = site;
    this.depth = Math.max(3, Math.ceil(site.max_range_m));
    this.floor = site.frame === "room" ? 0 : -1.4;
    const gaze = [0, 1].map((axis) => site.frustum.reduce((sum, corner) => sum + corner[axis] - site.camera[axis], 0));
    const length = Math.hypot(...gaze) || 1;
    this.gaze = gaze.map((v) => v / length);
    this.orbit.target = [site.camera[0] + 2.2 * this.gaze[0], site.camera[1] + 2.2 * this.gaze[1], this.floor + 0.95];
    this.invalidate();
  }

  /**
   * pose: {joints: [[x, y, z] | null] * 15, sigma, confidence, echoRange, scale, zones, time_s},
   * or null for nobody.
   */
  setPose(pose) {
    if (pose === null || this.shown === null || this.still || Math.abs(pose.time_s - this.pose?.time_s) > 1) this.shown = null;
    if (pose === null || pose.time_s < (this.trail.at(-1)?.time_s ?? 0)) this.trail = [];
    this.pose = pose;
    const hips = pose?.joints[MID_HIP];
    if (hips) this.trail = [...this.trail.filter((t) => t.time_s > pose.time_s - TRAIL_S), { point: hips, time_s: pose.time_s }];
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
    this.colour = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.invalidate();
  }

  #glide(now) {
    const dt = Math.min(0.1, (now - (this.last ?? now)) / 1000);
    this.last = now;
    if (this.pose === null) return false;
    if (this.shown === null) {
      this.shown = this.pose.joints.map((j) => j && [...j]);
      return false;
    }
    const share = 1 - Math.exp(-dt / SETTLE_S);
    let farthest = 0;
    this.shown = this.shown.map((at, i) => {
      const goal = this.pose.joints[i];
      if (!at || !goal) return goal && [...goal];
      farthest = Math.max(farthest, Math.hypot(...goal.map((g, k) => g - at[k])));
      return at.map((v, k) => v + share * (goal[k] - v));
    });
    return farthest > 0.002;
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
    back.addColorStop(0, this.colour["back-far"]);
    back.addColorStop(1, this.colour.back);
    c.fillStyle = back;
    c.fillRect(0, 0, width, height);
    this.frames += 1;
    if (this.site === null) return;
    orbit.aim(width, height);
    this.#drawFloor();
    this.#drawZones();
    this.#drawSensor();
    if (this.shown !== null && this.pose !== null) {
      this.#drawTrail();
      this.#drawShadow();
      this.#drawEcho();
      this.#drawHalos();
      this.#drawBody();
    }
  }

  #drawFloor() {
    const z = this.floor, [x0] = this.site.camera, y0 = Math.min(0, this.site.camera[1]);
    for (let x = -HALF_WIDTH_M; x <= HALF_WIDTH_M; x++) {
      for (let y = 0; y < this.depth; y++) this.#line([x0 + x, y0 + y, z], [x0 + x, y0 + y + 1, z], "grid", 1, this.#fade(x0 + x, y0 + y));
    }
    for (let y = 0; y <= this.depth; y++) {
      for (let x = -HALF_WIDTH_M; x < HALF_WIDTH_M; x++) this.#line([x0 + x, y0 + y, z], [x0 + x + 1, y0 + y, z], "grid", 1, this.#fade(x0 + x, y0 + y));
      if (y > 0) this.#label([x0 + HALF_WIDTH_M + 0.18, y0 + y, z], `${y} m`, this.#fade(x0 + HALF_WIDTH_M, y0 + y));
    }
  }

  /** Zones lie on the floor; those that the person is in are filled. */
  #drawZones() {
    if (this.site.frame !== "room") return;
    for (const { name, polygon } of this.site.zones ?? []) {
      const corners = polygon.map(([x, y]) => [x, y, this.floor]), inside = this.pose?.zones.includes(name) ?? false;
      this.#fill(corners, "zone", inside ? 0.22 : 0.06);
      corners.forEach((corner, i) => this.#line(corner, corners[(i + 1) % corners.length], "zone", inside ? 2 : 1.2, inside ? 1 : 0.6, inside ? [] : [5, 4]));
      const height = (corner) => this.orbit.project(corner)?.y ?? -Infinity;
      const lowest = corners.reduce((a, b) => (height(b) > height(a) ? b : a)); // on the screen: nobody stands before it
      this.#label(lowest, name, 1, inside ? "ink" : "soft", 11);
    }
  }

  /** Lines far from the eye are fainter. */
  #fade(x, y) {
    const d = Math.hypot(x - this.orbit.eye[0], y - this.orbit.eye[1], this.orbit.eye[2]);
    return Math.max(0.25, Math.min(1, 1.5 - d / 11));
  }

  #drawSensor() {
    const { camera, frustum, mics, speakers } = this.site;
    this.#line([camera[0], camera[1], this.floor], camera, "soft", 1.5, 0.8, [3, 5]);
    const corners = frustum.map((corner) => corner.map((v, i) => camera[i] + FRUSTUM_M * (v - camera[i])));
    corners.forEach((corner, i) => {
      this.#line(camera, corner, "ink", 1.2, 0.7);
      this.#line(corner, corners[(i + 1) % 4], "ink", 1.2, 0.7);
    });
    this.#fill(corners, "ink", 0.05);
    // The whole field of view, as far as it reaches on the floor, very faint.
    frustum.forEach((corner) => {
      const reach = Math.min(this.depth, corner[2] < camera[2] - 1e-3 ? (this.floor - camera[2]) / (corner[2] - camera[2]) : this.depth);
      this.#line(camera, corner.map((v, i) => camera[i] + reach * (v - camera[i])), "ink", 1, 0.16);
    });
    mics.forEach((mic) => this.#dot(mic, 0.016, 2, "ink", 0.95));
    speakers.forEach((speaker) => this.#dot(speaker, 0.03, 3.2, "echo", 1));
    this.#dot(camera, 0.02, 2.6, "ink", 1);
    this.#label([camera[0], camera[1], camera[2] + 0.16], "camera and array", 1);
  }

  #drawTrail() {
    for (let i = 1; i < this.trail.length; i++) {
      const age = (this.pose.time_s - this.trail[i].time_s) / TRAIL_S;
      const [a, b] = [this.trail[i - 1].point, this.trail[i].point].map(([x, y]) => [x, y, this.floor]);
      this.#line(a, b, "echo", 2.5, 0.55 * (1 - age));
    }
  }

  #drawShadow() {
    const flat = this.shown.map((j) => j && [j[0], j[1], this.floor]);
    const strokes = BONES.flatMap(([a, b]) => (flat[a] && flat[b] ? [this.orbit.segment(flat[a], flat[b])] : [])).filter(Boolean);
    if (strokes.length === 0) return;
    // One path, so that limbs that cross do not darken each other.
    this.#style("shadow", 1, 0.1 * strokes[0][0].scale);
    this.context.beginPath();
    for (const [p, q] of strokes) {
      this.context.moveTo(p.x, p.y);
      this.context.lineTo(q.x, q.y);
    }
    this.context.stroke();
  }

  /** Where the echo says the front of the body is: an arc around the array at hip height. */
  #drawEcho() {
    const hips = this.shown[MID_HIP], range = this.pose.echoRange;
    if (!hips || range === null) return;
    const from = mean([...this.site.mics, ...this.site.speakers]);
    const level = Math.sqrt(Math.max(0, range ** 2 - (hips[2] - from[2]) ** 2));
    const bearing = Math.atan2(hips[0] - from[0], hips[1] - from[1]);
    const at = (angle) => [from[0] + level * Math.sin(angle), from[1] + level * Math.cos(angle), hips[2]];
    for (let i = -12; i < 12; i++) {
      this.#line(at(bearing + i * 0.025), at(bearing + (i + 1) * 0.025), "echo", 2.2, 0.85 * (1 - Math.abs(i + 0.5) / 12.5));
    }
    this.#line(from, at(bearing), "echo", 1, 0.35, [2, 6]);
  }

  #drawHalos() {
    const colour = this.pose.scale === "sound" ? "halo" : "assumed";
    this.shown.forEach((joint, i) => {
      if (joint && this.pose.sigma[i] !== null) this.#ball(joint, this.pose.sigma[i], colour);
    });
    const hips = this.shown[MID_HIP], sigma = this.pose.sigma[MID_HIP];
    const p = hips && sigma !== null && this.orbit.project(hips);
    if (!p) return;
    this.#style(colour, 0.6, 1, [2, 4]);
    this.context.beginPath();
    this.context.arc(p.x, p.y, sigma * p.scale, 0, 2 * Math.PI);
    this.context.stroke();
  }

  #drawBody() {
    const parts = [];
    for (const [a, b, side] of BONES) {
      const [p, q] = [this.shown[a], this.shown[b]];
      if (!p || !q) continue;
      const sure = 0.25 + 0.75 * Math.min(this.pose.confidence[a] ?? 0, this.pose.confidence[b] ?? 0);
      if (a !== NOSE) parts.push({ depth: this.#depth(p, q), draw: () => this.#bone(p, q, side === "trunk" ? 0.062 : 0.05, side, sure) });
    }
    const [nose, neck] = [this.shown[NOSE], this.shown[NECK]];
    if (nose && neck) {
      const head = nose.map((v, i) => v + 0.12 * (v - neck[i]));
      const sure = 0.25 + 0.75 * (this.pose.confidence[NOSE] ?? 0);
      parts.push({ depth: this.#depth(head, head), draw: () => { this.#bone(neck, nose, 0.05, "trunk", sure); this.#dot(head, 0.095, 4, "trunk", sure); } });
    }
    this.shown.forEach((joint, i) => {
      if (joint && i !== NOSE) parts.push({ depth: this.#depth(joint, joint) - 0.02, draw: () => this.#dot(joint, 0.03, 1.5, "ink", 0.3 + 0.7 * (this.pose.confidence[i] ?? 0)) });
    });
    parts.sort((a, b) => b.depth - a.depth).forEach((part) => part.draw());
  }

  #depth(a, b) {
    return (this.orbit.project(a)?.depth ?? 0) + (this.orbit.project(b)?.depth ?? 0);
  }

  #style(colour, alpha, width, dash = []) {
    const c = this.context;
    c.globalAlpha = alpha;
    c.strokeStyle = c.fillStyle = this.colour[colour];
    c.lineWidth = width;
    c.setLineDash(dash);
  }

  #line(a, b, colour, width, alpha, dash = []) {
    const ends = this.orbit.segment(a, b);
    if (ends === null) return;
    this.#style(colour, alpha, width, dash);
    this.context.beginPath();
    this.context.moveTo(ends[0].x, ends[0].y);
    this.context.lineTo(ends[1].x, ends[1].y);
    this.context.stroke();
    this.#style(colour, 1, 1);
  }

  /** A limb of a given thickness [m]. */
  #bone(a, b, thickness_m, colour, alpha) {
    const ends = this.orbit.segment(a, b);
    if (ends !== null) this.#line(a, b, colour, Math.max(2, (thickness_m * (ends[0].scale + ends[1].scale)) / 2), alpha);
  }

  #dot(point, radius_m, least_px, colour, alpha) {
    const p = this.orbit.project(point);
    if (p === null) return;
    this.#style(colour, alpha, 1);
    this.context.beginPath();
    this.context.arc(p.x, p.y, Math.max(least_px, radius_m * p.scale), 0, 2 * Math.PI);
    this.context.fill();
    this.#style(colour, 1, 1);
  }

  /** A translucent sphere: denser towards its rim. */
  #ball(point, radius_m, colour) {
    const p = this.orbit.project(point);
    if (p === null) return;
    const radius = radius_m * p.scale;
    const gradient = this.context.createRadialGradient(p.x, p.y, 0.3 * radius, p.x, p.y, radius);
    gradient.addColorStop(0, `color-mix(in srgb, ${this.colour[colour]} 5%, transparent)`);
    gradient.addColorStop(1, `color-mix(in srgb, ${this.colour[colour]} 22%, transparent)`);
    this.#style(colour, 1, 1);
    this.context.fillStyle = gradient;
    this.context.beginPath();
    this.context.arc(p.x, p.y, radius, 0, 2 * Math.PI);
    this.context.fill();
  }

  #fill(points, colour, alpha) {
    const flat = points.map((p) => this.orbit.project(p));
    if (flat.includes(null)) return;
    this.#style(colour, alpha, 1);
    this.context.beginPath();
    flat.forEach((p) => this.context.lineTo(p.x, p.y));
    this.context.fill();
    this.#style(colour, 1, 1);
  }

  #label(point, text, alpha, colour = "soft", below_px = 0) {
    const p = this.orbit.project(point);
    if (p === null) return;
    this.context.font = "12px system-ui, sans-serif";
    const room = this.context.measureText(text).width / 2 + 8;
    if (p.x + room - 8 > this.orbit.width) return; // rather none than a half
    this.#style(colour, alpha, 1);
    this.context.textAlign = "center";
    this.context.textBaseline = "middle";
    this.context.fillText(text, Math.abs(p.x) < 4 * room ? Math.max(room, p.x) : p.x, p.y + below_px);
    this.#style("soft", 1, 1);
  }
}

function mean(points) {
  return [0, 1, 2].map((i) => points.reduce((sum, p) => sum + p[i], 0) / points.length);
}
