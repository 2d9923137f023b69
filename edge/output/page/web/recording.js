// Reads a file of messages, one JSON object per line, as `posekernel replay --messages` writes it.

const KINDS = new Map([["posekernel.pose/2", "pose"], ["posekernel.envelope/1", "envelope"], ["posekernel.event/2", "event"]]);
const PAGE = "posekernel.page/1";
const JOINTS = 15;

/**
 * text -> {name, site, length_s, pose, envelope, event}; the last three are lists of
 * {at [ms], message}. site may be null. Throws Error with a sentence.
 */
export function readRecording(text, name) {
  const found = { pose: [], envelope: [], event: [] };
  let site = null;
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      throw new Error(`${name}: line ${i + 1} is not JSON; a file of \`posekernel replay --messages\` is needed`);
    }
    if (message?.schema === PAGE && isSite(message)) site = message;
    const kind = KINDS.get(message?.schema);
    if (message?.schema === "posekernel.pose/1") throw new Error(`${name}: line ${i + 1} is of an earlier version; write the file anew with \`posekernel replay --messages\``);
    if (kind === undefined) return; // others may be added later
    if (!Number.isFinite(message.monotonic_ns) || !isWhole(kind, message)) throw new Error(`${name}: line ${i + 1} is not a whole ${kind} message`);
    found[kind].push({ at: message.monotonic_ns / 1e6, message });
  });
  if (found.pose.length === 0) throw new Error(`${name}: there is no pose in it; a file of \`posekernel replay --messages\` is needed`);
  const all = Object.values(found);
  for (const list of all) list.sort((a, b) => a.at - b.at);
  const start = Math.min(...all.filter((list) => list.length > 0).map((list) => list[0].at));
  for (const list of all) for (const entry of list) entry.at -= start;
  const end = Math.max(...all.map((list) => list.at(-1)?.at ?? 0));
  return { name: site?.name ?? name, site, length_s: Math.max(0.1, Math.ceil(end / 100) / 10), ...found };
}

function isWhole(kind, message) {
  if (kind === "pose") return Array.isArray(message.frames) && Array.isArray(message.people) && message.people.every(isPerson);
  if (kind === "envelope") return Array.isArray(message.level_db) && message.step_m > 0 && message.first_m > 0;
  return typeof message.kind === "string";
}

function isPerson(person) {
  return Number.isInteger(person?.id) && Array.isArray(person.joints) && person.joints.length === JOINTS && person.joints.every((joint) => joint !== null && typeof joint === "object");
}

function isSite(site) {
  const points = (list) => Array.isArray(list) && list.every((p) => Array.isArray(p) && p.length === 3 && p.every(Number.isFinite));
  return points([site.camera]) && points(site.frustum) && site.frustum.length === 4 && points(site.mics) && points(site.speakers) && site.max_range_m > 0;
}
