// The floor from above as SVG: zones, people, what the camera sees, and the corners of one zone that
// is drawn or changed. Room frame: x right, y away from the camera, metres.

import { element, name } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg", HTML = "http://www.w3.org/1999/xhtml";
const HALF_WIDTH_M = 3, BEHIND_M = 0.5, MARGIN_PX = 22;
const STEP_M = 0.1, LARGE_STEP_M = 0.5;
const HANDLE_PX = 9, REACH_PX = 22; // what is seen of a corner, and what a finger hits
const LABEL_PX = [140, 66];
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * handlers: change(corners) when corners were moved, added or removed; select(name) for a zone;
 * say(text) for what a screen reader should tell.
 */
export class Plan {
  constructor(svg, handlers) {
    this.svg = svg;
    this.handlers = handlers;
    this.site = null;
    this.zones = [];
    this.people = [];
    this.corners = null; // of the zone that is drawn, null: none is
    this.edited = null; // the name of that zone as it is kept
    this.cross = [0, 2]; // where a key puts a corner
    this.dragged = null;
    this.layers = Object.fromEntries(["floor", "zones", "people", "draft"].map((key) => [key, svg.appendChild(element(SVG, "g", { class: key }))]));
    new ResizeObserver(() => this.draw()).observe(svg);
    svg.addEventListener("pointerdown", (e) => this.#press(e));
    svg.addEventListener("pointermove", (e) => this.#drag(e));
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { this.dragged = null; });
    svg.addEventListener("keydown", (e) => this.#key(e));
    svg.addEventListener("focusin", (e) => this.svg.classList.toggle("crossed", e.target === svg && e.target.matches(":focus-visible")));
    svg.addEventListener("focusout", () => this.svg.classList.remove("crossed"));
  }

  /** zones: [{name, polygon}]; corners: of the zone that is drawn, or null; edited: its name where it is kept already. */
  set(site, zones, corners, edited) {
    [this.site, this.zones, this.corners, this.edited] = [site, zones, corners, edited];
    this.draw();
  }

  /** people: as `Company` gives them. */
  setPeople(people) {
    this.people = people;
    if (this.scale) this.#drawPeople();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (this.site === null || width === 0) return;
    if (this.dragged === null) this.#fit(width, height);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#drawFloor();
    this.#drawZones();
    this.#drawPeople();
    this.#drawDraft();
  }

  #fit(width, height) {
    const corners = [...this.zones.flatMap((zone) => zone.polygon), ...(this.corners ?? [])];
    const [xs, ys] = [0, 1].map((axis) => corners.map((corner) => corner[axis]));
    this.left = Math.min(-HALF_WIDTH_M, ...xs) - 0.1;
    this.right = Math.max(HALF_WIDTH_M, ...xs) + 0.1;
    this.near = Math.min(-BEHIND_M, ...ys) - 0.1;
    this.far = Math.max(3, Math.ceil(this.site.max_range_m), ...ys) + 0.1;
    this.scale = Math.min((width - 2 * MARGIN_PX) / (this.right - this.left), (height - 2 * MARGIN_PX) / (this.far - this.near));
    this.origin = [(width - this.scale * (this.left + this.right)) / 2, (height + this.scale * (this.near + this.far)) / 2];
  }

  #at([x, y]) {
    return [this.origin[0] + this.scale * x, this.origin[1] - this.scale * y];
  }

  /** Where a pointer is, in whole centimetres. */
  #under(e) {
    const box = this.svg.getBoundingClientRect();
    return rounded([(e.clientX - box.left - this.origin[0]) / this.scale, (this.origin[1] - e.clientY + box.top) / this.scale]);
  }

  #points(corners) {
    return corners.map((corner) => this.#at(corner).map((v) => v.toFixed(1)).join(",")).join(" ");
  }

  #line(a, b, kind) {
    const [[x1, y1], [x2, y2]] = [this.#at(a), this.#at(b)];
    return element(SVG, "line", { x1, y1, x2, y2, class: kind });
  }

  #drawFloor() {
    const { camera, frustum, speakers } = this.site, parts = [];
    for (let x = Math.ceil(this.left); x <= this.right; x++) parts.push(this.#line([x, this.near], [x, this.far], x === 0 ? "axis" : "grid"));
    for (let y = Math.ceil(this.near); y <= this.far; y++) {
      parts.push(this.#line([this.left, y], [this.right, y], y === 0 ? "axis" : "grid"));
      const [x, top] = this.#at([this.right, y]);
      if (y > 0) parts.push(element(SVG, "text", { x: x - 4, y: top - 4, class: "metres" }, `${y} m`));
    }
    // What the camera sees of the floor: from each corner of its image down to it, or as far as the plan goes.
    const seen = frustum.map((corner) => {
      const [dx, dy, dz] = corner.map((v, i) => v - camera[i]);
      const far = (this.far - camera[1]) / Math.max(dy, 1e-6);
      const reach = dz < -1e-6 ? Math.min(far, -camera[2] / dz) : far;
      return [camera[0] + reach * dx, camera[1] + reach * dy];
    });
    parts.push(element(SVG, "polygon", { points: this.#points(seen), class: "seen" }));
    const [a, b] = [seen[0], seen[1]].map((corner) => this.#line(camera, corner, "sight"));
    parts.push(a, b);
    for (const speaker of speakers) parts.push(element(SVG, "circle", { ...this.#centre(speaker), r: 3.5, class: "speaker" }));
    const [x, y] = this.#at(camera);
    parts.push(element(SVG, "path", { d: `M${x - 8},${y + 6} L${x},${y - 8} L${x + 8},${y + 6} Z`, class: "camera" }));
    parts.push(element(SVG, "text", { x, y: y + 19, class: "of-camera" }, "camera"));
    this.layers.floor.replaceChildren(...parts);
  }

  #centre(point) {
    const [cx, cy] = this.#at(point);
    return { cx, cy };
  }

  /** Those that are not being changed. */
  get #kept() {
    return this.zones.filter((zone) => zone.name !== this.edited);
  }

  #drawZones() {
    this.layers.zones.replaceChildren(...this.#kept.flatMap((zone) => {
      const shape = element(SVG, "polygon", { points: this.#points(zone.polygon), class: "zone" });
      if (this.corners === null) shape.addEventListener("click", () => this.handlers.select(zone.name));
      return [shape, this.#label(zone.polygon, zone.name)];
    }));
  }

  /** A name of any length and script, wrapped, in the middle of its zone. */
  #label(polygon, text) {
    const [x, y] = this.#at([0, 1].map((axis) => polygon.reduce((sum, corner) => sum + corner[axis], 0) / polygon.length));
    const [width, height] = LABEL_PX;
    const box = element(SVG, "foreignObject", { x: x - width / 2, y: y - height / 2, width, height, class: "label" });
    const line = box.appendChild(element(HTML, "div", {}));
    line.append(name(text));
    return box;
  }

  #drawPeople() {
    this.layers.people.replaceChildren(...this.people.flatMap((person) => {
      const hips = person.joints.find((joint) => joint.name === "mid_hip")?.room;
      if (!hips) return [];
      const [x, y] = this.#at(hips);
      const group = element(SVG, "g", { class: "person-mark", "data-colour": person.colour, "data-presence": person.presence });
      group.append(element(SVG, "circle", { cx: x, cy: y, r: 11 }), element(SVG, "text", { x, y: y + 0.5 }, String(person.id)));
      return [group];
    }));
    const here = new Set(this.people.filter((person) => person.presence === "present").flatMap((person) => person.zones ?? []));
    this.layers.zones.querySelectorAll("polygon").forEach((shape, k) => shape.classList.toggle("occupied", here.has(this.#kept[k]?.name)));
  }

  #drawDraft() {
    const { corners } = this, parts = [];
    this.svg.classList.toggle("drawing", corners !== null);
    if (corners !== null) {
      const focused = this.layers.draft.contains(document.activeElement) ? Number(document.activeElement.dataset.corner) : null;
      parts.push(element(SVG, corners.length > 2 ? "polygon" : "polyline", { points: this.#points(corners), class: "draft-shape" }));
      corners.forEach((corner, k) => parts.push(this.#handle(corner, k)));
      const [x, y] = this.#at(this.cross);
      parts.push(element(SVG, "path", { d: `M${x - 12},${y} H${x + 12} M${x},${y - 12} V${y + 12}`, class: "cross" }));
      this.layers.draft.replaceChildren(...parts);
      if (focused !== null) this.focusCorner(focused);
    } else this.layers.draft.replaceChildren();
  }

  #handle(corner, k) {
    const [x, y] = corner.map((v) => v.toFixed(2));
    const handle = element(SVG, "g", {
      class: "handle", tabindex: 0, role: "button", "data-corner": k, "aria-roledescription": "corner",
      "aria-label": `Corner ${k + 1}: ${x} metres to the right, ${y} away. Arrow keys move it, Delete removes it.`,
    });
    handle.append(element(SVG, "circle", { ...this.#centre(corner), r: REACH_PX, class: "reach" }), element(SVG, "circle", { ...this.#centre(corner), r: HANDLE_PX, class: "knob" }));
    return handle;
  }

  focusCorner(k) {
    (this.layers.draft.querySelector(`[data-corner="${k}"]`) ?? this.svg).focus({ preventScroll: true });
  }

  /** On a corner: drags it. On a side: a new corner there. Elsewhere: the next corner of a new zone. */
  #press(e) {
    if (this.corners === null || e.button !== 0) return;
    const handle = e.target.closest(".handle"), at = this.#under(e);
    let k = handle === null ? this.#sideUnder(e) : Number(handle.dataset.corner);
    const corners = this.corners.map((corner) => [...corner]);
    if (handle === null) {
      if (k === null && this.edited !== null) return;
      k ??= corners.length;
      corners.splice(k, 0, at);
    }
    e.preventDefault();
    this.svg.setPointerCapture(e.pointerId);
    this.dragged = k;
    if (handle === null) this.handlers.change(corners);
    this.focusCorner(k);
  }

  /** Before which corner one would come that is put on the side below the pointer; null: on no side. */
  #sideUnder(e) {
    const { corners } = this;
    if (corners.length < 3) return null;
    const box = this.svg.getBoundingClientRect(), p = [e.clientX - box.left, e.clientY - box.top];
    const found = corners.findIndex((corner, k) => distance(p, this.#at(corner), this.#at(corners[(k + 1) % corners.length])) < 8);
    return found < 0 ? null : found + 1;
  }

  #drag(e) {
    if (this.dragged === null || this.corners === null) return;
    this.#moveTo(this.dragged, this.#under(e));
  }

  #moveTo(k, at) {
    this.handlers.change(this.corners.map((corner, i) => (i === k ? at : corner)));
  }

  #key(e) {
    if (this.corners === null || e.ctrlKey || e.metaKey || e.altKey) return;
    const corner = e.target.closest(".handle"), step = MOVES[e.key];
    const k = corner === null ? null : Number(corner.dataset.corner);
    if (step !== undefined) {
      const size = e.shiftKey ? LARGE_STEP_M : STEP_M;
      const at = rounded((k === null ? this.cross : this.corners[k]).map((v, axis) => v + size * step[axis]));
      if (k !== null) this.#moveTo(k, at);
      else {
        this.cross = at;
        this.draw();
      }
      this.handlers.say(`${at[0].toFixed(1)} metres to the right, ${at[1].toFixed(1)} away`);
    } else if ((e.key === "Enter" || e.key === " ") && k === null) {
      this.handlers.change([...this.corners, [...this.cross]]);
      this.handlers.say(`Corner ${this.corners.length} set`);
    } else if (e.key === "Delete" || e.key === "Backspace") {
      const gone = k ?? this.corners.length - 1;
      if (gone < 0) return;
      this.handlers.change(this.corners.filter((_, i) => i !== gone));
      if (k !== null) this.focusCorner(Math.min(k, this.corners.length - 1));
      this.handlers.say(`Corner ${gone + 1} removed`);
    } else return;
    e.preventDefault();
  }
}

function rounded(point) {
  return point.map((v) => Math.max(-100, Math.min(100, Math.round(100 * v) / 100)) + 0);
}

/** Of a point from a segment. */
function distance(p, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const along = Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(a[0] + along * dx - p[0], a[1] + along * dy - p[1]);
}
