// The live page: messages of one sensor from the broker -> the room, the axis, the numbers.

import { History } from "./history.js";
import { MqttClient } from "./mqtt_client.js";
import { RangeAxis } from "./range_axis.js";
import { RoomView } from "./room_view.js";

const SPEAK_MS = 6000;
const RATE_WINDOW_MS = 3000;
const NONE = "–";

const $ = (id) => document.getElementById(id);
const say = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };
const number = (value, digits, unit) => (value === null || value === undefined ? NONE : `${value.toFixed(digits)} ${unit}`.replace("-", "−"));

const state = { connection: "connecting", reason: "", status: null, summary: null, received: 0, arrivals: [], pose: null };
const room = new RoomView($("room"), (view) => {
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
});
const history = new History({ play: $("play"), scrub: $("scrub"), moment: $("moment"), live: $("live") }, show);
let axis = null;
let spoken = 0;

window.posekernel = { state, room }; // for a look from the browser's console, and for the tests

for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => room.orbit.set(button.dataset.view));
start();

async function start() {
  let site;
  try {
    const answer = await fetch("config.json", { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    site = await answer.json();
  } catch (error) {
    setConnection("refused", `config.json cannot be read (${error.message})`);
    return;
  }
  document.title = `${site.id} · posekernel`;
  say("device", site.id);
  room.setSite(site);
  axis = new RangeAxis($("axis"), site.max_range_m);
  const topic = (name) => `${site.base_topic}/${site.id}/${name}`;
  const handlers = { [topic("pose")]: onPose, [topic("status")]: onStatus, [topic("summary")]: onSummary };
  new MqttClient(site.websocket_url, Object.keys(handlers), {
    message: (name, payload) => handlers[name]?.(payload.length ? JSON.parse(new TextDecoder().decode(payload)) : null),
    state: setConnection,
    login: askLogin,
  });
}

function onPose(message) {
  if (message === null) return;
  const now = performance.now();
  state.received += 1;
  state.arrivals = [...state.arrivals.filter((t) => t > now - RATE_WINDOW_MS), now];
  history.add(message);
}

function onStatus(message) {
  state.status = message;
  if (message?.state !== "online") history.clear();
  showConnection();
}

function onSummary(message) {
  state.summary = message;
  if (message?.people === 0) history.clear();
}

/** message null: nobody is in view. live false: a moment of the past. */
function show(message, live) {
  state.pose = message;
  if (message === null) {
    room.setPose(null);
    axis?.show(null);
    for (const id of ["distance", "echo", "echo-range", "height", "latency", "rate"]) say(id, NONE);
    say("people", live && state.connection === "connected" ? "0" : NONE);
    say("sigma", "");
    setScale("none", "no pose");
    say("empty", state.connection === "connected" && state.status?.state === "online" ? "Nobody in view" : "No poses");
    $("empty").hidden = false;
    return;
  }
  $("empty").hidden = true;
  const inRoom = room.site.frame === "room" && message.frames.includes("room");
  const hips = message.joints.find((joint) => joint.name === "mid_hip");
  const joints = message.joints.map((joint) => (inRoom ? joint.room : joint.camera && [joint.camera[0], joint.camera[2], -joint.camera[1]]));
  room.setPose({
    joints,
    sigma: message.joints.map((joint) => joint.sigma_m),
    confidence: message.joints.map((joint) => joint.confidence),
    echoRange: message.echo_range_m,
    scale: message.scale_source,
    time_s: message.monotonic_ns / 1e9,
  });
  axis.show({ hips: message.mid_hip_distance_m, sigma: hips.sigma_m, echo: message.echo_range_m, echo_db: message.sir_db, scale: message.scale_source });
  say("distance", message.mid_hip_distance_m === null ? NONE : message.mid_hip_distance_m.toFixed(2));
  say("sigma", hips.sigma_m === null ? "" : `± ${hips.sigma_m.toFixed(2)}`);
  if (message.scale_source === "sound") setScale("sound", "scale from sound");
  else setScale("height", "scale from an assumed height");
  say("echo", number(message.sir_db, 1, "dB"));
  say("echo-range", number(message.echo_range_m, 2, "m"));
  say("height", live ? number(state.summary?.height_m, 2, "m") : NONE);
  say("people", String(message.people));
  say("latency", number(message.latency_ms, 0, "ms"));
  say("rate", live ? number(rate(), 1, "/s") : NONE);
  say("source", `Source: ${message.source}`);
  $("source").hidden = message.source === "device";
  speak(message);
}

function rate() {
  const [first, last] = [state.arrivals[0], state.arrivals.at(-1)];
  return state.arrivals.length < 3 ? null : (1000 * (state.arrivals.length - 1)) / (last - first);
}

function setScale(kind, text) {
  $("scale").dataset.scale = kind;
  say("scale", text);
}

function speak(message) {
  const now = performance.now();
  if (now - spoken < SPEAK_MS || message.mid_hip_distance_m === null) return;
  spoken = now;
  say("spoken", `Person at ${message.mid_hip_distance_m.toFixed(1)} metres, scale from ${message.scale_source}.`);
}

function setConnection(connection, reason) {
  state.connection = connection;
  state.reason = reason;
  if (connection !== "connected") {
    state.status = null;
    if (connection !== "connecting") history.clear();
  }
  showConnection();
}

function showConnection() {
  const { connection, reason, status } = state;
  const [kind, text] =
    connection === "connected" && status?.state === "online" ? ["live", reason || "Live"]
    : connection === "connected" && status ? ["offline", `Sensor offline${status.reason ? ` (${status.reason})` : ""}`]
    : connection === "connected" ? ["waiting", reason || "Waiting for the sensor"]
    : connection === "refused" ? ["offline", reason]
    : connection === "lost" ? ["waiting", `Reconnecting: ${reason}`]
    : ["waiting", state.received ? "Reconnecting" : "Connecting"];
  if (kind === "waiting" && connection === "connecting" && $("connection").dataset.state === "waiting") return;
  $("connection").dataset.state = kind;
  say("connection-text", text);
}

function askLogin() {
  const dialog = $("login");
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve({ username: $("username").value, password: $("password").value });
      $("password").value = "";
    }, { once: true });
  });
}
