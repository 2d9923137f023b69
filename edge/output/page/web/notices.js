// Notices in the header, and the list of events.

import { $, element, name, say } from "./dom.js";

const HTML = "http://www.w3.org/1999/xhtml";
const SHOWN = 6, KEPT = 50;
const WORDS = {
  fall: "Fall", fall_cleared: "Up again", person_entered: "Somebody came", person_left: "Nobody left in view",
  zone_entered: "Entered", zone_left: "Left",
};

/** Adds an event unless it is known: each may come more than once. Returns whether it is new. */
export function addEvent(events, event) {
  if (events.some((e) => e.sequence === event.sequence && e.timestamp === event.timestamp)) return false;
  events.push(event);
  while (events.length > KEPT) events.shift();
  return true;
}

/**
 * events: messages, oldest first. since_ns: show seconds since then (CLOCK_MONOTONIC); null: show
 * the time of day.
 */
export function showEvents(events, since_ns) {
  const rows = events.slice(-SHOWN).reverse();
  const key = `${since_ns} ${rows.map((e) => e.sequence)}`;
  if ($("event-list").dataset.key === key) return;
  $("event-list").dataset.key = key;
  $("no-events").hidden = rows.length > 0;
  $("event-list").replaceChildren(...rows.map((event) => {
    const row = element(HTML, "li", { "data-kind": event.kind });
    row.append(element(HTML, "time", {}, when(event, since_ns)), words(event));
    return row;
  }));
}

/**
 * The header: recording, why sound is off, and a fall that is not over. status, control: messages
 * or null.
 */
export function showNotices(status, control, events) {
  const fall = events.findLast((e) => e.kind === "fall" || e.kind === "fall_cleared");
  const because = control?.silent_because;
  notice("fall", fall?.kind === "fall" ? `Fall at ${when(fall, null)}` : "");
  notice("recording", status?.recording ? "Recording image and sound" : "");
  notice("sound", because === "mute" ? "Muted" : because === "quiet hours" ? `Quiet hours until ${control.quiet_hours?.to ?? "later"}` : "");
}

function notice(id, text) {
  say(id, text);
  $(id).hidden = text === "";
}

function words(event) {
  const text = element(HTML, "span", {}, WORDS[event.kind] ?? event.kind.replaceAll("_", " "));
  if (event.zone) text.append(" ", name(event.zone));
  return text;
}

function when(event, since_ns) {
  if (since_ns !== null) return `${((event.monotonic_ns - since_ns) / 1e9).toFixed(1)} s`;
  return new Date(event.timestamp).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}
