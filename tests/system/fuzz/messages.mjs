// Fuzzes the page's reader of message files: `node tests/system/fuzz/messages.mjs [EXECUTIONS [SEED]]`. Mutated files of messages must be read,
// or refused with one sentence that names the file; what is read must have finite times in order.
import { readRecording } from "../../../edge/output/page/web/recording.js";

const joint = { x: 0.1, y: 0.2, z: 2.5 };
const LINES = [
  { schema: "posekernel.page/1", id: "hall", name: "hall", camera: [0, 0, 1.2], frustum: Array(4).fill([1, 2, 3]), mics: [], speakers: [[0.1, 0, 1.2]], max_range_m: 5 },
  { schema: "posekernel.pose/2", monotonic_ns: 1_000_000_000, frames: ["camera"], people: [1, 2].map((id) => ({ id, joints: Array(15).fill(joint) })) },
  { schema: "posekernel.envelope/1", monotonic_ns: 1_100_000_000, level_db: [0, 1, 2], first_m: 0.5, step_m: 0.1 },
  { schema: "posekernel.event/2", monotonic_ns: 1_200_000_000, kind: "fall", person: 1 },
].map((line) => JSON.stringify(line));
const VALUES = 13; // the first of them are whole JSON values
const STRANGE = ["null", '"constructor"', '"__proto__"', "[]", "{}", "-1", "1e308", "1e999", '""', "true", "NaN", "\u0000", "\ud800", "[".repeat(5000), "\n", ",", "9007199254740993"];

let state = Number(process.argv[3] ?? 1) >>> 0;
const random = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
};

const changes = [
  (text, at) => text.slice(0, at),
  (text, at) => text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1),
  (text, at) => text.slice(0, at) + text.slice(at + random(40)),
  (text, at) => text.slice(0, at) + text.slice(at, at + random(80)).repeat(1 + random(3)) + text.slice(at),
  (text, at) => text.slice(0, at) + STRANGE[random(STRANGE.length)] + text.slice(at),
  // A whole value for another: these get past JSON.
  (text) => {
    const values = [...text.matchAll(/(?<=[:[,])("[^"]*"|-?[\d.]+|null|true|false|\[[^[\]]*\]|\{[^{}]*\})/g)];
    if (values.length === 0) return text;
    const { index, 0: old } = values[random(values.length)];
    return text.slice(0, index) + STRANGE[random(VALUES)] + text.slice(index + old.length);
  },
  (text) => text + "\n" + LINES[random(LINES.length)],
];

function input() {
  let text = [0, 1, 2, 3].map(() => LINES[random(LINES.length)]).join("\n");
  for (let n = random(5); n >= 0; n--) text = changes[random(changes.length)](text, random(text.length + 1));
  return text;
}

const executions = Number(process.argv[2] ?? 100_000);
let read = 0;
const began = performance.now();
for (let n = 0; n < executions; n++) {
  const text = input();
  try {
    const found = readRecording(text, "F");
    read++;
    const times = [found.pose, found.envelope, found.event].map((list) => list.map((entry) => entry.at));
    const sound = times.every((list) => list.every((at, i) => Number.isFinite(at) && at >= (list[i - 1] ?? 0)));
    if (!sound || !(found.length_s > 0) || !Number.isFinite(found.length_s)) throw new TypeError(`times ${JSON.stringify(times)}, length ${found.length_s}`);
  } catch (error) {
    if (error.constructor === Error && error.message.startsWith("F: ") && !error.message.includes("\n")) continue;
    console.error(`found after ${n}: ${error.stack}\n${JSON.stringify(text)}`);
    process.exit(1);
  }
}
console.log(`${executions} executions, ${Math.round((1000 * executions) / (performance.now() - began))}/s, ${read} files were read, the rest refused in words`);
