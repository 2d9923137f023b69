// The live page: shows the messages of one sensor, from the broker or from a recording.

import { $, NONE, say } from "./dom.js";
import { EchoPlot } from "./echo_plot.js";
import { MqttClient } from "./mqtt_client.js";
import { addEvent, showEvents, showNotices } from "./notices.js";
import { hips, showNumbers } from "./readout.js";
import { readRecording } from "./recording.js";
import { RoomView } from "./room_view.js";
import { Timeline } from "./timeline.js";

const SPEAK_MS = 6000;
const RATE_WINDOW_MS = 3000;

const state = {
  connection: "connecting", reason: "", status: null, summary: null, control: null, events: [], received: 0, arrivals: [],
  pose: null, envelope: null, recording: null,
};
const room = new RoomView($("room"), (view) => {
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
});
const plot = new EchoPlot($("axis"));
const timeline = new Timeline({ play: $("play"), scrub: $("scrub"), moment: $("moment"), live: $("live") }, show);
let site = null;
let spoken = 0;

window.posekernel = { state, room }; // for the browser's console, and for the tests

for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => room.orbit.set(button.dataset.view));
$("open").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", async () => {
  const [file] = $("file").files;
  if (file !== undefined) openRecording(await file.text(), file.name);
  $("file").value = ""; // the same file can be chosen again
});
$("live").addEventListener("click", () => {
  $("play").focus();
  closeRecording();
  timeline.close();
});
start();

async function start() {
  try {
    site = JSON.parse(await load("config.json"));
  } catch (error) {
    setConnection("refused", `config.json cannot be read (${error.message})`);
    return;
  }
  document.title = `${site.id} · posekernel`;
  showSite(site);
  timeline.stream = Boolean(site.websocket_url);
  if (timeline.stream) listen();
  else setConnection("none", "");
  const wanted = new URLSearchParams(location.search).get("recording") ?? site.recording;
  if (wanted) {
    try {
      openRecording(await load(wanted), wanted);
    } catch (error) {
      complain(`${wanted} cannot be read (${error.message})`);
    }
  }
}

/** Text of a file beside the page: the Content-Security-Policy allows no other place. */
async function load(name) {
  const answer = await fetch(name, { cache: "no-store" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.text();
}

function listen() {
  const topic = (name) => `${site.base_topic}/${site.id}/${name}`;
  const handlers = {
    [topic("pose")]: onPose, [topic("envelope")]: (m) => m && timeline.add("envelope", m), [topic("status")]: onStatus,
    [topic("summary")]: onSummary, [topic("control")]: onControl, [topic("event")]: onEvent,
  };
  new MqttClient(site.websocket_url, Object.keys(handlers), {
    message: (name, payload) => handlers[name]?.(payload.length ? JSON.parse(new TextDecoder().decode(payload)) : null),
    state: setConnection,
    login: askLogin,
  });
}

function showSite(described) {
  say("device", described.id);
  $("zone").parentElement.hidden = !described.zones?.length;
  room.setSite(described);
  plot.set(described.max_range_m, described.envelope_rate_hz > 0);
}

function onPose(message) {
  if (message === null) return;
  const now = performance.now();
  state.received += 1;
  state.arrivals = [...state.arrivals.filter((t) => t > now - RATE_WINDOW_MS), now];
  timeline.add("pose", message);
}

function onStatus(message) {
  state.status = message;
  if (message?.state !== "online") timeline.clear();
  showConnection();
  showNotices(state.status, state.control, state.events);
}

function onSummary(message) {
  state.summary = message;
  if (message?.people === 0) timeline.clear();
}

function onControl(message) {
  state.control = message;
  if (message?.sensing === false) timeline.clear();
  showConnection();
  showNotices(state.status, state.control, state.events);
}

function onEvent(message) {
  if (message === null || !addEvent(state.events, message)) return;
  showNotices(state.status, state.control, state.events);
}

/** See Timeline; events: null means those of the stream. */
function show({ pose, envelope, events, live }) {
  const known = pose === state.pose, drawn = known && envelope === state.envelope;
  [state.pose, state.envelope] = [pose, envelope];
  const { recording } = state;
  showEvents(events ?? state.events, recording && recording.start_ns);
  if (!drawn) plot.show(pose && { hips: pose.mid_hip_distance_m, sigma: hips(pose).sigma_m, echo: pose.echo_range_m, scale: pose.scale_source }, envelope);
  const connected = state.connection === "connected";
  showNumbers(pose, live ? rate() : null, live && connected && state.control?.sensing !== false ? "0" : NONE);
  $("empty").hidden = pose !== null || (!timeline.stream && !recording);
  if (pose === null) say("empty", absence(live, connected));
  if (!known) room.setPose(pose && figure(pose));
  if (pose !== null && live && !known) speak(pose);
}

function absence(live, connected) {
  if (live && connected && state.control?.sensing === false) return "Sensing is off";
  return state.recording || (connected && state.status?.state === "online") ? "Nobody in view" : "No poses";
}

/** A pose message as the room draws it. */
function figure(message) {
  const inRoom = room.site.frame === "room" && message.frames.includes("room");
  return {
    joints: message.joints.map((joint) => (inRoom ? joint.room : joint.camera && [joint.camera[0], joint.camera[2], -joint.camera[1]])),
    sigma: message.joints.map((joint) => joint.sigma_m),
    confidence: message.joints.map((joint) => joint.confidence),
    echoRange: message.echo_range_m,
    scale: message.scale_source,
    zones: message.zones ?? [],
    time_s: message.monotonic_ns / 1e9,
  };
}

function rate() {
  const [first, last] = [state.arrivals[0], state.arrivals.at(-1)];
  return state.arrivals.length < 3 ? null : (1000 * (state.arrivals.length - 1)) / (last - first);
}

function speak(message) {
  const now = performance.now();
  if (now - spoken < SPEAK_MS || message.mid_hip_distance_m === null) return;
  spoken = now;
  const posture = message.posture && message.posture !== "unknown" ? `, ${message.posture}` : "";
  say("spoken", `Person at ${message.mid_hip_distance_m.toFixed(1)} metres${posture}, scale from ${message.scale_source}.`);
}

function openRecording(text, name) {
  try {
    const recording = readRecording(text, name);
    recording.start_ns = recording.pose[0].message.monotonic_ns - 1e6 * recording.pose[0].at;
    if (recording.site === null && site === null) throw new Error(`${name}: it does not say where the sensor is`);
    state.recording = recording;
  } catch (error) {
    complain(error.message);
    return;
  }
  complain("");
  room.setPose(null);
  showSite(state.recording.site ?? site);
  showConnection();
  timeline.open(state.recording, !room.still);
  $("play").focus();
}

function closeRecording() {
  if (state.recording === null) return;
  state.recording = null;
  room.setPose(null);
  showSite(site);
  showConnection();
}

function complain(text) {
  say("problem", text);
  $("problem").hidden = text === "";
}

function setConnection(connection, reason) {
  state.connection = connection;
  state.reason = reason;
  if (connection !== "connected") {
    state.status = null;
    if (connection !== "connecting") timeline.clear();
  }
  showConnection();
}

function showConnection() {
  const { connection, reason, status, control } = state;
  const [kind, text] =
    state.recording !== null ? ["recording", `Playing ${state.recording.name}`]
    : connection === "connected" && status?.state === "online" && control?.sensing === false ? ["waiting", "Sensing off"]
    : connection === "connected" && status?.state === "online" ? ["live", reason || "Live"]
    : connection === "connected" && status ? ["offline", `Sensor offline${status.reason ? ` (${status.reason})` : ""}`]
    : connection === "connected" ? ["waiting", reason || "Waiting for the sensor"]
    : connection === "refused" ? ["offline", reason]
    : connection === "none" ? ["waiting", "Open a recording"]
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
