// People in the room: who is who in the messages, and how one of them is drawn.

const HOLD_S = 0.5; // whoever a message leaves out is shown so much longer: detectors miss people for a moment
const COLOURS = 6;
const TRAIL_S = 6;
const NOSE = 0, NECK = 1, MID_HIP = 8;
// BODY_25 order, first 15 joints; the third entry is the side of the body.
const BONES = [
  [0, 1, "trunk"], [1, 2, "right"], [2, 3, "right"], [3, 4, "right"], [1, 5, "left"], [5, 6, "left"], [6, 7, "left"],
  [1, 8, "trunk"], [8, 9, "right"], [9, 10, "right"], [10, 11, "right"], [8, 12, "left"], [12, 13, "left"], [13, 14, "left"],
];
const NOTES = { seen_only: "seen, not heard", unsure: "unsure" };

/** The people of one message after the other, each with a colour of their own while they are there. */
export class Company {
  constructor() {
    this.known = new Map(); // by id: {person, time_s, colour}
  }

  /** message: pose, or null for nobody -> its people, and those just missed, each with `colour`, ordered by id. */
  update(message) {
    if (message === null) {
      this.known.clear();
      return [];
    }
    const time_s = message.monotonic_ns / 1e9;
    for (const [id, { time_s: seen_s }] of this.known) if (!(time_s >= seen_s && time_s - seen_s < HOLD_S)) this.known.delete(id);
    for (const person of message.people) {
      const colour = this.known.get(person.id)?.colour ?? this.#free(person.id);
      this.known.set(person.id, { person, time_s, colour });
    }
    return [...this.known.values()].map(({ person, colour }) => ({ ...person, colour })).sort((a, b) => a.id - b.id);
  }

  /** A number's own colour, or the next that nobody has. */
  #free(id) {
    const taken = new Set([...this.known.values()].map((entry) => entry.colour));
    const wanted = [...Array(COLOURS).keys()].map((k) => (id - 1 + k) % COLOURS);
    return wanted.find((colour) => !taken.has(colour)) ?? wanted[0];
  }
}

/** A person as the room draws them. inRoom: the joints are in the room frame. */
export function asDrawn(person, inRoom) {
  return {
    id: person.id,
    colour: `person-${person.colour}`,
    presence: person.presence,
    joints: person.joints.map((joint) => (inRoom ? joint.room : joint.camera && [joint.camera[0], joint.camera[2], -joint.camera[1]])),
    sigma: person.joints.map((joint) => joint.sigma_m),
    confidence: person.joints.map((joint) => joint.confidence),
    echoRange: person.echo_range_m,
    scale: person.scale_source,
    zones: person.zones ?? [],
  };
}

/** One person; `shown` glides towards the joints of `person`, which is as `asDrawn` makes it. */
export class Figure {
  constructor(pen) {
    this.pen = pen;
    this.person = this.shown = null;
    this.trail = [];
  }

  set(person, time_s, jump) {
    if (jump) this.shown = null;
    this.person = person;
    const hips = person.joints[MID_HIP];
    this.trail = this.trail.filter((t) => t.time_s <= time_s && t.time_s > time_s - TRAIL_S);
    if (hips) this.trail.push({ point: hips, time_s });
    this.time_s = time_s;
  }

  /** Go a share of the way; returns how far the farthest joint had to go [m]. */
  glide(share) {
    if (this.shown === null) {
      this.shown = this.person.joints.map((j) => j && [...j]);
      return 0;
    }
    let farthest = 0;
    this.shown = this.shown.map((at, i) => {
      const goal = this.person.joints[i];
      if (!at || !goal) return goal && [...goal];
      farthest = Math.max(farthest, Math.hypot(...goal.map((g, k) => g - at[k])));
      return at.map((v, k) => v + share * (goal[k] - v));
    });
    return farthest;
  }

  /** How far the hips are from the eye [m]. */
  get depth() {
    const hips = this.shown[MID_HIP] ?? this.shown.find(Boolean);
    return hips ? this.pen.orbit.project(hips)?.depth ?? 0 : 0;
  }

  /** floor: its height. array: middle of microphones and loudspeakers. */
  draw(floor, array) {
    const { pen, person } = this;
    pen.faint = person.presence === "present" ? 1 : person.presence === "unsure" ? 0.6 : 0.35;
    this.#drawTrail(floor);
    pen.shadow(BONES.flatMap(([a, b]) => (this.shown[a] && this.shown[b] ? [[a, b].map((i) => [this.shown[i][0], this.shown[i][1], floor])] : [])), 0.1);
    this.#drawEcho(array);
    this.#drawHalos();
    this.#drawBody();
    pen.faint = 1;
  }

  /** For Pen.badges: number, 1-sigma of the hips, and what the scale is from; null without a head. */
  get badge() {
    const top = this.shown[NOSE] ?? this.shown[NECK] ?? this.shown[MID_HIP], sigma_m = this.person.sigma[MID_HIP];
    if (!top) return null;
    const size = sigma_m === null ? "" : `± ${sigma_m.toFixed(2)} m, `;
    const note = NOTES[this.person.presence] ?? size + this.person.scale;
    return { point: [top[0], top[1], top[2] + 0.3], number: String(this.person.id), note, colour: this.person.colour };
  }

  #drawTrail(floor) {
    for (let i = 1; i < this.trail.length; i++) {
      const age = (this.time_s - this.trail[i].time_s) / TRAIL_S;
      const [a, b] = [this.trail[i - 1].point, this.trail[i].point].map(([x, y]) => [x, y, floor]);
      this.pen.line(a, b, this.person.colour, 2.5, 0.55 * (1 - age));
    }
  }

  /** Where the echo says the front of the body is: an arc around the array at hip height. */
  #drawEcho(from) {
    const { pen, person } = this, hips = this.shown[MID_HIP], range = person.echoRange;
    if (!hips || range === null) return;
    const level = Math.sqrt(Math.max(0, range ** 2 - (hips[2] - from[2]) ** 2));
    const bearing = Math.atan2(hips[0] - from[0], hips[1] - from[1]);
    const at = (angle) => [from[0] + level * Math.sin(angle), from[1] + level * Math.cos(angle), hips[2]];
    for (let i = -12; i < 12; i++) {
      pen.line(at(bearing + i * 0.02), at(bearing + (i + 1) * 0.02), person.colour, 2.2, 0.85 * (1 - Math.abs(i + 0.5) / 12.5));
    }
    pen.line(from, at(bearing), person.colour, 1, 0.35, [2, 6]);
  }

  /** Spheres of 1-sigma; the ring around the hips is whole where sound gave the scale. */
  #drawHalos() {
    const { pen, person } = this;
    this.shown.forEach((joint, i) => {
      if (joint && person.sigma[i] !== null) pen.ball(joint, person.sigma[i], person.colour);
    });
    const hips = this.shown[MID_HIP], sigma = person.sigma[MID_HIP];
    if (hips && sigma !== null) pen.ring(hips, sigma, person.colour, 0.7, person.scale === "sound" ? [] : [2, 4]);
  }

  #drawBody() {
    const { pen, person, shown } = this, parts = [];
    const full = pen.colours[person.colour];
    // The left side is lighter, so that front and back can be told apart.
    const tone = { trunk: full, right: full, left: `color-mix(in srgb, ${full} 62%, ${pen.colours.ink})` };
    for (const [a, b, side] of BONES) {
      const [p, q] = [shown[a], shown[b]];
      if (!p || !q || a === NOSE) continue;
      const sure = 0.25 + 0.75 * Math.min(person.confidence[a] ?? 0, person.confidence[b] ?? 0);
      parts.push({ depth: this.#depth(p, q), draw: () => pen.bone(p, q, side === "trunk" ? 0.062 : 0.05, tone[side], sure) });
    }
    const [nose, neck] = [shown[NOSE], shown[NECK]];
    if (nose && neck) {
      const head = nose.map((v, i) => v + 0.12 * (v - neck[i]));
      const sure = 0.25 + 0.75 * (person.confidence[NOSE] ?? 0);
      parts.push({ depth: this.#depth(head, head), draw: () => { pen.bone(neck, nose, 0.05, full, sure); pen.dot(head, 0.095, 4, full, sure); } });
    }
    shown.forEach((joint, i) => {
      if (joint && i !== NOSE) parts.push({ depth: this.#depth(joint, joint) - 0.02, draw: () => pen.dot(joint, 0.03, 1.5, "ink", 0.3 + 0.7 * (person.confidence[i] ?? 0)) });
    });
    parts.sort((a, b) => b.depth - a.depth).forEach((part) => part.draw());
  }

  #depth(a, b) {
    return (this.pen.orbit.project(a)?.depth ?? 0) + (this.pen.orbit.project(b)?.depth ?? 0);
  }
}
