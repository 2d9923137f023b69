// The numbers beside the room.

import { $, NONE, name, number, say } from "./dom.js";

const IDS = ["distance", "posture", "speed", "height", "echo", "echo-range", "latency", "rate"];

/**
 * message: pose, or null for nobody. people: the number of people to show then, as text.
 * rate: poses a second, null where unknown.
 */
export function showNumbers(message, rate, people) {
  if (message === null) {
    for (const id of IDS) say(id, NONE);
    showZones([]);
    say("people", people);
    say("sigma", "");
    showScale("none", "no pose");
    return;
  }
  const sigma_m = hips(message).sigma_m;
  say("distance", message.mid_hip_distance_m === null ? NONE : message.mid_hip_distance_m.toFixed(2));
  say("sigma", sigma_m === null ? "" : `± ${sigma_m.toFixed(2)}`);
  const sure = message.sound_confidence ?? null;
  if (message.scale_source === "sound") showScale("sound", `scale from sound${sure === null ? "" : `, ${(100 * sure).toFixed(0)} % sure`}`);
  else showScale("height", "scale from an assumed height");
  say("posture", message.posture ?? NONE);
  say("speed", number(message.speed_m_s, 1, "m/s"));
  showZones(message.zones ?? []);
  say("height", number(message.standing_height_m, 2, "m"));
  say("echo", number(message.sir_db, 1, "dB"));
  say("echo-range", number(message.echo_range_m, 2, "m"));
  say("people", String(message.people));
  say("latency", number(message.latency_ms, 0, "ms"));
  say("rate", number(rate, 1, "/s"));
  say("source", `Source: ${message.source}`);
  $("source").hidden = message.source === "device";
}

/** The joint at the middle of the hips. */
export function hips(message) {
  return message.joints.find((joint) => joint.name === "mid_hip");
}

function showZones(zones) {
  const key = JSON.stringify(zones);
  if ($("zone").dataset.key === key) return;
  $("zone").dataset.key = key;
  $("zone").replaceChildren(...(zones.length ? zones.flatMap((zone, i) => [i ? ", " : "", name(zone)]) : [NONE]));
}

function showScale(kind, text) {
  $("scale").dataset.scale = kind;
  say("scale", text);
}
