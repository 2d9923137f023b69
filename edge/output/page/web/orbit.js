// A camera that circles a point of the room, and the mouse, touch and keys that move it.

const NEAR_M = 0.1;
const FIELD_OF_VIEW = (40 * Math.PI) / 180;
const LIMITS = { elevation: [-0.1, Math.PI / 2 - 0.01], distance: [1.5, 14] };
const STEP = Math.PI / 24;

/**
 * Angles in radians, distance in metres. azimuth 0 looks along +y, from the sensor into the room;
 * positive moves to the right.
 */
export const VIEWS = {
  room: { azimuth: 0.72, elevation: 0.3, distance: 6.6 },
  front: { azimuth: 0, elevation: 0.12, distance: 6.6 },
  side: { azimuth: Math.PI / 2, elevation: 0.08, distance: 7.2 },
  top: { azimuth: 0, elevation: LIMITS.elevation[1], distance: 8.5 },
};

export class Orbit {
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.target = [0, 2, 0.85];
    this.width = this.height = 1;
    Object.assign(this, VIEWS.room);
    this.pointers = new Map();
    this.#listen();
  }

  set(view) {
    this.#move({ ...VIEWS[view] }, view);
  }

  #move(change, view = null) {
    Object.assign(this, change);
    for (const [name, [low, high]] of Object.entries(LIMITS)) this[name] = Math.min(high, Math.max(low, this[name]));
    this.onChange(view);
  }

  /** Call before a frame's projections. Size in CSS pixels. */
  aim(width, height) {
    const [sa, ca, se, ce] = [Math.sin(this.azimuth), Math.cos(this.azimuth), Math.sin(this.elevation), Math.cos(this.elevation)];
    this.right = [ca, sa, 0];
    this.up = [-sa * se, ca * se, ce];
    this.forward = [-sa * ce, ca * ce, -se];
    this.eye = this.target.map((t, i) => t - this.distance * this.forward[i]);
    this.focal = Math.min(height, width * 0.92) / (2 * Math.tan(FIELD_OF_VIEW / 2));
    [this.width, this.height] = [width, height];
  }

  /** Room point [m] -> {x, y, scale [px per m], depth [m]}, null behind the eye. */
  project(point) {
    const v = this.#see(point);
    return v[2] < NEAR_M ? null : this.#flat(v);
  }

  /** The visible part of a segment as two projections, or null. */
  segment(a, b) {
    let p = this.#see(a), q = this.#see(b);
    if (p[2] < NEAR_M && q[2] < NEAR_M) return null;
    if (p[2] < NEAR_M) p = cut(p, q);
    else if (q[2] < NEAR_M) q = cut(q, p);
    return [this.#flat(p), this.#flat(q)];
  }

  #see(point) {
    const d = point.map((v, i) => v - this.eye[i]);
    return [this.right, this.up, this.forward].map((axis) => axis[0] * d[0] + axis[1] * d[1] + axis[2] * d[2]);
  }

  #flat([x, y, depth]) {
    const scale = this.focal / depth;
    return { x: this.width / 2 + x * scale, y: this.height / 2 - y * scale, scale, depth };
  }

  #listen() {
    const { canvas, pointers } = this;
    canvas.addEventListener("pointerdown", (e) => {
      canvas.setPointerCapture(e.pointerId);
      pointers.set(e.pointerId, [e.clientX, e.clientY]);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (e) => pointers.delete(e.pointerId));
    canvas.addEventListener("pointermove", (e) => this.#drag(e));
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.#move({ distance: this.distance * Math.exp(e.deltaY * 0.001) });
    }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      const change = this.#key(e.key);
      if (change === null || e.ctrlKey || e.metaKey || e.altKey) return;
      e.preventDefault();
      this.#move(change, change === VIEWS.room ? "room" : null);
    });
  }

  #drag(e) {
    const before = this.pointers.get(e.pointerId);
    if (before === undefined) return;
    const others = [...this.pointers].filter(([id]) => id !== e.pointerId).map(([, position]) => position);
    this.pointers.set(e.pointerId, [e.clientX, e.clientY]);
    if (others.length > 0) {
      const spread = (p) => Math.hypot(p[0] - others[0][0], p[1] - others[0][1]) + 1;
      this.#move({ distance: this.distance * spread(before) / spread([e.clientX, e.clientY]) });
    } else {
      this.#move({
        azimuth: this.azimuth - (e.clientX - before[0]) * 0.006,
        elevation: this.elevation + (e.clientY - before[1]) * 0.006,
      });
    }
  }

  #key(key) {
    switch (key) {
      case "ArrowLeft": return { azimuth: this.azimuth - STEP };
      case "ArrowRight": return { azimuth: this.azimuth + STEP };
      case "ArrowUp": return { elevation: this.elevation + STEP };
      case "ArrowDown": return { elevation: this.elevation - STEP };
      case "+": case "=": return { distance: this.distance / 1.15 };
      case "-": case "−": return { distance: this.distance * 1.15 };
      case "0": case "Home": return VIEWS.room;
      default: return null;
    }
  }
}

function cut(hidden, seen) {
  const t = (NEAR_M - hidden[2]) / (seen[2] - hidden[2]);
  return hidden.map((v, i) => v + t * (seen[i] - v));
}
