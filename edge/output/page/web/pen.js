// Draws lines, dots and words of the room on a 2D canvas, as an Orbit's eye sees them.

/** colours: CSS colours by name, of which the methods take a name or any CSS colour. */
export class Pen {
  constructor(context, orbit) {
    this.context = context;
    this.orbit = orbit;
    this.colours = {};
    this.faint = 1; // factor on every opacity
  }

  style(colour, alpha, width, dash = []) {
    const c = this.context;
    c.globalAlpha = alpha * this.faint;
    c.strokeStyle = c.fillStyle = this.colours[colour] ?? colour;
    c.lineWidth = width;
    c.setLineDash(dash);
  }

  line(a, b, colour, width, alpha, dash = []) {
    const ends = this.orbit.segment(a, b);
    if (ends === null) return;
    this.style(colour, alpha, width, dash);
    this.context.beginPath();
    this.context.moveTo(ends[0].x, ends[0].y);
    this.context.lineTo(ends[1].x, ends[1].y);
    this.context.stroke();
  }

  /** A limb of a given thickness [m]. */
  bone(a, b, thickness_m, colour, alpha) {
    const ends = this.orbit.segment(a, b);
    if (ends !== null) this.line(a, b, colour, Math.max(2, (thickness_m * (ends[0].scale + ends[1].scale)) / 2), alpha);
  }

  /** Lines on the floor as one path, so that those that cross do not darken each other. */
  shadow(pairs, thickness_m) {
    const strokes = pairs.map(([a, b]) => this.orbit.segment(a, b)).filter(Boolean);
    if (strokes.length === 0) return;
    this.style("shadow", 1, thickness_m * strokes[0][0].scale);
    this.context.beginPath();
    for (const [p, q] of strokes) {
      this.context.moveTo(p.x, p.y);
      this.context.lineTo(q.x, q.y);
    }
    this.context.stroke();
  }

  dot(point, radius_m, least_px, colour, alpha) {
    const p = this.orbit.project(point);
    if (p === null) return;
    this.style(colour, alpha, 1);
    this.context.beginPath();
    this.context.arc(p.x, p.y, Math.max(least_px, radius_m * p.scale), 0, 2 * Math.PI);
    this.context.fill();
  }

  ring(point, radius_m, colour, alpha, dash) {
    const p = this.orbit.project(point);
    if (p === null) return;
    this.style(colour, alpha, 1.2, dash);
    this.context.beginPath();
    this.context.arc(p.x, p.y, radius_m * p.scale, 0, 2 * Math.PI);
    this.context.stroke();
  }

  /** A translucent sphere: denser towards its rim. */
  ball(point, radius_m, colour) {
    const p = this.orbit.project(point);
    if (p === null) return;
    const radius = radius_m * p.scale, full = this.colours[colour] ?? colour;
    const gradient = this.context.createRadialGradient(p.x, p.y, 0.3 * radius, p.x, p.y, radius);
    gradient.addColorStop(0, `color-mix(in srgb, ${full} 4%, transparent)`);
    gradient.addColorStop(1, `color-mix(in srgb, ${full} 17%, transparent)`);
    this.style(colour, 1, 1);
    this.context.fillStyle = gradient;
    this.context.beginPath();
    this.context.arc(p.x, p.y, radius, 0, 2 * Math.PI);
    this.context.fill();
  }

  fill(points, colour, alpha) {
    const flat = points.map((p) => this.orbit.project(p));
    if (flat.includes(null)) return;
    this.style(colour, alpha, 1);
    this.context.beginPath();
    flat.forEach((p) => this.context.lineTo(p.x, p.y));
    this.context.fill();
  }

  label(point, text, alpha, colour = "soft", below_px = 0) {
    const p = this.orbit.project(point);
    if (p === null) return;
    this.context.font = "12px system-ui, sans-serif";
    const room = this.context.measureText(text).width / 2 + 8;
    if (p.x + room - 8 > this.orbit.width) return; // rather none than a half
    this.style(colour, alpha, 1);
    this.context.textAlign = "center";
    this.context.textBaseline = "middle";
    this.context.fillText(text, Math.abs(p.x) < 4 * room ? Math.max(room, p.x) : p.x, p.y + below_px);
  }

  /**
   * Words over people: each one's number on a disc of their colour and a note beside it; those that
   * would cover others stand higher. badges: {point, number, note, colour}.
   */
  badges(badges) {
    const c = this.context, radius = 10, taken = [];
    c.textBaseline = "middle";
    const placed = badges.map((badge) => ({ ...badge, at: this.orbit.project(badge.point) })).filter((badge) => badge.at !== null);
    for (const { number, note, colour, at } of placed.sort((a, b) => b.at.y - a.at.y)) {
      c.font = "600 12px system-ui, sans-serif";
      const width = note ? c.measureText(note).width + 6 : 0;
      const x = Math.max(radius + 2, Math.min(at.x, this.orbit.width - width - radius - 2));
      let y = Math.max(at.y, radius + 2);
      const covers = (t) => Math.abs(y - t.y) < 2 * radius + 2 && x - radius < t.right && t.left < x + radius + width;
      for (let k = 0; k < taken.length && taken.some(covers) && y > 3 * radius; k++) y -= 2 * radius + 2;
      taken.push({ y, left: x - radius, right: x + radius + width + 4 });
      this.style(colour, 0.7, 1.2);
      c.beginPath();
      c.moveTo(x, y);
      c.lineTo(at.x, at.y + radius);
      c.stroke();
      this.style(colour, 1, 1);
      c.beginPath();
      c.arc(x, y, radius, 0, 2 * Math.PI);
      c.fill();
      this.style("on-person", 1, 1);
      c.textAlign = "center";
      c.fillText(number, x, y + 0.5);
      c.font = "12px system-ui, sans-serif";
      c.textAlign = "left";
      this.style("back", 0.8, 3.5);
      c.strokeText(note, x + radius + 4, y + 0.5);
      this.style("ink", 1, 1);
      c.fillText(note, x + radius + 4, y + 0.5);
    }
  }
}
