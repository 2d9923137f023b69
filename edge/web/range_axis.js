// The distance axis: a ruler from the camera into the room with the echo's onset and the hips, plus and minus one sigma, on it.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 74, BASE = 44, MARGIN = 18;

export class RangeAxis {
  constructor(svg, max_m) {
    this.svg = svg;
    this.max = Math.max(1, Math.ceil(max_m));
    this.value = null;
    new ResizeObserver(() => this.#draw()).observe(svg);
    this.#draw();
  }

  /** value: {hips, sigma, echo, echo_db, scale} in metres and dB (each but scale may be null), or null for nobody. */
  show(value) {
    this.value = value;
    this.#draw();
  }

  #draw() {
    const width = this.svg.clientWidth || 600;
    const x = (m) => MARGIN + (Math.min(Math.max(m, 0), this.max) / this.max) * (width - 2 * MARGIN);
    const parts = [shape("line", { x1: x(0), y1: BASE, x2: x(this.max), y2: BASE, class: "ruler" })];
    for (let tenth = 0; tenth <= this.max * 10; tenth += 5) {
      const whole = tenth % 10 === 0;
      parts.push(shape("line", { x1: x(tenth / 10), y1: BASE, x2: x(tenth / 10), y2: BASE + (whole ? 7 : 4), class: "ruler" }));
      if (whole) parts.push(label(x(tenth / 10), BASE + 21, tenth === 0 ? "0 m" : tenth / 10, "tick"));
    }
    const v = this.value;
    if (v !== null && v.hips !== null) {
      const sigma = v.sigma ?? 0, left = x(v.hips - sigma);
      parts.push(shape("rect", { x: left, y: BASE - 15, width: Math.max(1, x(v.hips + sigma) - left), height: 15, rx: 3, class: `sigma ${v.scale}` }));
      parts.push(shape("line", { x1: x(v.hips), y1: BASE - 20, x2: x(v.hips), y2: BASE, class: `hips ${v.scale}` }));
    }
    if (v !== null && v.echo !== null) {
      const at = x(v.echo), strength = v.echo_db === null ? 0.4 : Math.min(1, Math.max(0.25, v.echo_db / 15));
      parts.push(shape("path", { d: `M${at} ${BASE} l-5 -9 h10 z`, class: "echo" }));
      parts.push(shape("line", { x1: at, y1: BASE - 9, x2: at, y2: BASE - 9 - 18 * strength, class: "echo" }));
    }
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.svg.setAttribute("aria-label", this.#words());
    this.svg.replaceChildren(...parts);
  }

  #words() {
    const v = this.value;
    if (v === null || v.hips === null) return `Distance axis, 0 to ${this.max} metres; nobody on it`;
    const echo = v.echo === null ? "no echo used" : `echo onset at ${v.echo.toFixed(2)} metres`;
    return `Distance axis, 0 to ${this.max} metres; hips at ${v.hips.toFixed(2)} metres, ${echo}`;
  }
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function label(x, y, text, kind) {
  const element = shape("text", { x, y, class: kind, "text-anchor": "middle" });
  element.textContent = text;
  return element;
}
