// The panel beside the room: how many people, and each of them.

import { $, NONE, name, number, say } from "./dom.js";

const OTHERS = [
  ["seen_only", "seen, not heard"],
  ["unsure", "unsure"],
];
const SCALES = { sound: "sound", memory: "the known size", floor: "the floor", height: "an assumed height" };

/**
 * message: pose, or null for nobody; people: as `Company` gives them. rate: poses a second, null
 * where unknown. nobody: the number of people to show without a message, as text.
 */
export function showNumbers(message, people, rate, nobody) {
  showCards(people);
  if (message === null) {
    for (const id of ["latency", "rate", "pairs"]) say(id, NONE);
    say("people", nobody);
    say("others", "");
    return;
  }
  const count = (presence) => people.filter((person) => person.presence === presence).length;
  say("people", String(count("present")));
  const others = OTHERS.map(([presence, words]) => [count(presence), words]).concat([[message.more, "more in view"], [message.hidden, "hidden"]]);
  say("others", others.filter(([n]) => n > 0).map(([n, words]) => `${n} ${words}`).join(", "));
  say("pairs", message.pairs ? `${message.pairs.used} of ${message.pairs.total}` : NONE);
  say("latency", number(message.latency_ms, 0, "ms"));
  say("rate", number(rate, 1, "/s"));
  say("source", `Source: ${message.source}`);
  $("source").hidden = message.source === "device";
}

/** What the loudspeaker played in the last minute, and the room's own noise: telemetry's `sound`. */
export function showSound(sound) {
  const about = sound.loudness_from === "nominal" ? "about " : "";
  const heard = (dba) => dba === null ? "none" : `${about}${number(dba, 0, "dB(A)")}`;
  say("loudness", sound.average_dba === null ? "none" : `${heard(sound.average_dba)}, ${number(sound.seconds, 1, "s")}`);
  say("loudest", heard(sound.peak_dba));
  say("ambient", number(sound.ambient?.dba ?? null, 0, "dB(A)"));
}

/** The joint at the middle of the hips. */
export function hips(person) {
  return person.joints.find((joint) => joint.name === "mid_hip");
}

/** What fixed a person's scale, in words; for somebody who is not present, why not. */
export function scaleWords(person) {
  if (person.presence === "seen_only") return "seen, not heard";
  const sure = person.sound_confidence ?? null;
  const heard = person.scale_source === "sound" && sure !== null ? `, ${(100 * sure).toFixed(0)} % sure` : "";
  const scale = `scale from ${SCALES[person.scale_source] ?? person.scale_source}${heard}`;
  return person.presence === "unsure" ? `unsure, ${scale}` : scale;
}

function showCards(people) {
  const list = $("person-list"), cards = new Map([...list.children].map((card) => [Number(card.dataset.id), card]));
  for (const [id, card] of cards) if (!people.some((person) => person.id === id)) card.remove();
  people.forEach((person, k) => {
    const card = cards.get(person.id) ?? $("person-card").content.firstElementChild.cloneNode(true);
    if (list.children[k] !== card) list.insertBefore(card, list.children[k] ?? null);
    fillCard(card, person);
  });
  $("person-list").hidden = people.length === 0;
}

function fillCard(card, person) {
  const put = (part, text) => {
    const element = card.querySelector(`.${part}`);
    if (element.textContent !== text) element.textContent = text;
    element.hidden = text === "";
  };
  const mark = (key, value) => {
    if (card.dataset[key] !== value) card.dataset[key] = value;
  };
  const sigma_m = hips(person)?.sigma_m ?? null;
  mark("id", String(person.id));
  mark("colour", String(person.colour));
  mark("presence", person.presence);
  mark("scale", person.scale_source);
  put("chip", String(person.id));
  put("distance", number(person.mid_hip_distance_m, 2, "m"));
  put("sigma", sigma_m === null ? "" : `± ${sigma_m.toFixed(2)}`);
  put("scale", scaleWords(person));
  const speed = number(person.speed_m_s, 1, "m/s");
  put("doing", [person.posture === "unknown" ? "" : person.posture, speed === NONE ? "" : speed].filter(Boolean).join(", "));
  const echo = person.sir_db === null || person.echo_range_m === null ? "" : `echo ${number(person.sir_db, 0, "dB")} at ${number(person.echo_range_m, 2, "m")}`;
  put("body", [person.standing_height_m === null ? "" : `${number(person.standing_height_m, 2, "m")} tall`, echo].filter(Boolean).join(", "));
  showZones(card.querySelector(".zones"), person.zones ?? []);
}

function showZones(element, zones) {
  const key = JSON.stringify(zones);
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.hidden = zones.length === 0;
  element.replaceChildren(...zones.flatMap((zone, i) => [i ? ", " : "in ", name(zone)]));
}
