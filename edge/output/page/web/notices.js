// Notices in the header, and the list of events.

import { $, element, name, say } from "./dom.js";

const HTML = "http://www.w3.org/1999/xhtml";
const SHOWN = 6, KEPT = 50;
const WORDS = {
  fall: "fell", fall_cleared: "is up again", person_entered: "came", person_left: "left",
  zone_entered: "entered", zone_left: "left",
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
 * The header: recording, why sound is off, and falls that are not over. status, control, summary:
 * messages or null.
 */
export function showNotices({ status, control, summary, events }) {
  const because = control?.silent_because;
  notice("fall", falls(events, summary));
  notice("recording", status?.recording ? "Recording image and sound" : "");
  notice("sound", because === "mute" ? "Muted" : because === "silent mode" ? "Silent mode" : because === "quiet hours" ? `Quiet hours until ${control.quiet_hours?.to ?? "later"}` : "");
}

/** Whoever fell and is not up again; the summary also knows of a fall from before this page. */
function falls(events, summary) {
  const open = events.filter((fall, k) => fall.kind === "fall" && !events.slice(k).some((e) => e.kind === "fall_cleared" && e.person === fall.person));
  const told = open.map((fall) => `Person ${fall.person} fell at ${when(fall, null)}`).join(", ");
  return told || (summary?.fallen ? "Somebody fell and is not up again" : "");
}

function notice(id, text) {
  say(id, text);
  $(id).hidden = text === "";
}

function words(event) {
  const text = element(HTML, "span", {}, `Person ${event.person} ${WORDS[event.kind] ?? event.kind.replaceAll("_", " ")}`);
  if (event.zone) text.append(" ", name(event.zone));
  return text;
}

function when(event, since_ns) {
  if (since_ns !== null) return `${((event.monotonic_ns - since_ns) / 1e9).toFixed(1)} s`;
  return new Date(event.timestamp).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}
