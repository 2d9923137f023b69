// The live page: shows the messages of one sensor, from the broker or from a recording.

import { $, NONE, say } from "./dom.js";
import { EchoPlot } from "./echo_plot.js";
import { Company, asDrawn } from "./figure.js";
import { MqttClient } from "./mqtt_client.js";
import { addEvent, showEvents, showNotices } from "./notices.js";
import { showProblems } from "./problems.js";
import { hips, showNumbers, showSound } from "./readout.js";
import { readRecording } from "./recording.js";
import { RoomView } from "./room_view.js";
import { Timeline } from "./timeline.js";
import { Zones } from "./zones.js";

const SPEAK_MS = 6000;
const RATE_WINDOW_MS = 3000;

const state = {
  connection: "connecting", reason: "", status: null, summary: null, control: null, health: null, events: [], received: 0, arrivals: [],
  pose: null, people: [], envelope: null, recording: null,
};
const company = new Company();
const room = new RoomView($("room"), (view) => {
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
});
const plot = new EchoPlot($("axis"));
const timeline = new Timeline({ play: $("play"), scrub: $("scrub"), moment: $("moment"), live: $("live") }, show);
let site = null, zones = null;
let spoken = 0;

window.posekernel = { state, room, get zones() { return zones; } }; // for the browser's console, and for the tests

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
  if (site.zones_file) zones = new Zones(site, setZones);
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
    [topic("health")]: onHealth, [topic("telemetry")]: (m) => m && showSound(m.sound), [topic("summary")]: onSummary, [topic("control")]: onControl, [topic("event")]: onEvent,
  };
  new MqttClient(site.websocket_url, Object.keys(handlers), {
    message: (name, payload) => handlers[name]?.(payload.length ? JSON.parse(new TextDecoder().decode(payload)) : null),
    state: setConnection,
    login: askLogin,
  });
}

function showSite(described) {
  say("device", described.id);
  room.setSite(described);
  plot.set(described.max_range_m, described.envelope_rate_hz > 0);
}

/** They were drawn here or elsewhere while the sensor runs. */
function setZones(now) {
  site.zones = now;
  if (room.site === site) room.invalidate();
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
  showNotices(state);
}

function onSummary(message) {
  state.summary = message;
  if (message?.people === 0 && message.seen_only === 0) timeline.clear();
  showNotices(state);
}

function onControl(message) {
  state.control = message;
  if (message?.sensing === false) timeline.clear();
  showConnection();
  showNotices(state);
}

function onHealth(message) {
  state.health = message;
  showConnection();
}

function onEvent(message) {
  if (message === null || !addEvent(state.events, message)) return;
  showNotices(state);
}

/** See Timeline; events: null means those of the stream. */
function show({ pose, envelope, events, live }) {
  const known = pose === state.pose, drawn = known && envelope === state.envelope;
  [state.pose, state.envelope] = [pose, envelope];
  if (!known) state.people = company.update(pose);
  const { recording, people } = state;
  showEvents(events ?? state.events, recording && recording.start_ns);
  if (!drawn) plot.show(people.map(mark), envelope);
  const connected = state.connection === "connected", looking = state.control?.sensing !== false && !state.summary?.unknown_because;
  showNumbers(pose, people, live ? rate() : null, live && connected && looking ? "0" : NONE);
  $("empty").hidden = pose !== null || (!timeline.stream && !recording);
  if (pose === null) say("empty", absence(live, connected));
  if (known) return;
  const inRoom = room.site?.frame === "room" && Boolean(pose?.frames.includes("room"));
  zones?.setPeople(state.recording ? [] : people);
  room.setPeople(people.map((person) => asDrawn(person, inRoom)), pose === null ? NaN : pose.monotonic_ns / 1e9);
  if (pose !== null && live) speak(people);
}

function absence(live, connected) {
  if (live && connected && state.control?.sensing === false) return "Sensing is off";
  if (live && connected && state.summary?.unknown_because) return `Unknown: ${state.summary.unknown_because}`;
  return state.recording || (connected && state.status?.state === "online") ? "Nobody in view" : "No poses";
}

/** A person as the plot marks them. */
function mark(person) {
  return {
    id: person.id, colour: person.colour, presence: person.presence, scale: person.scale_source,
    hips: person.mid_hip_distance_m, sigma: hips(person)?.sigma_m ?? null, echo: person.echo_range_m,
  };
}

function rate() {
  const [first, last] = [state.arrivals[0], state.arrivals.at(-1)];
  return state.arrivals.length < 3 ? null : (1000 * (state.arrivals.length - 1)) / (last - first);
}

function speak(people) {
  const now = performance.now(), placed = people.filter((person) => person.mid_hip_distance_m !== null);
  if (now - spoken < SPEAK_MS || placed.length === 0) return;
  spoken = now;
  const here = people.filter((person) => person.presence === "present").length;
  say("spoken", `${here} ${here === 1 ? "person" : "people"} present. ${placed.map(words).join(" ")}`);
}

function words(person) {
  const posture = person.posture && person.posture !== "unknown" ? `, ${person.posture}` : "";
  const source = person.presence === "seen_only" ? "seen, not heard" : `scale from ${person.scale_source}`;
  return `Person ${person.id} at ${person.mid_hip_distance_m.toFixed(1)} metres${posture}, ${source}.`;
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
  forget();
  showSite(state.recording.site ?? site);
  showConnection();
  timeline.open(state.recording, !room.still);
  $("play").focus();
}

/** Whoever was shown is not known any longer. */
function forget() {
  state.pose = null;
  state.people = company.update(null);
  room.setPeople([], NaN);
}

function closeRecording() {
  if (state.recording === null) return;
  state.recording = null;
  forget();
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
  showProblems(kind === "live" ? state.health?.problems ?? [] : []);
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
