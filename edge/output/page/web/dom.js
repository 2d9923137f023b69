// Small helpers for the page's elements.

export const NONE = "–";
export const $ = (id) => document.getElementById(id);

/** Set an element's text, without touching it when nothing changes. */
export function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** A name in any script: its direction does not turn what stands around it. */
export function name(text) {
  return element("http://www.w3.org/1999/xhtml", "bdi", {}, text);
}

/** A number with its unit, or a dash. */
export function number(value, digits, unit) {
  return value === null || value === undefined ? NONE : `${value.toFixed(digits)} ${unit}`.replace("-", "−");
}

/** An element of any namespace with attributes and text. */
export function element(namespace, name, attributes = {}, text = "") {
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
