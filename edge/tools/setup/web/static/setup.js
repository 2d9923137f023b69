// The setup's page: asks what the server asks, sends it back, and shows what came of it.

import { post } from "./access.js"; // of the live page

const $ = (selector) => document.querySelector(selector);
const POLL_MS = 400;
let steps = [];
let there = false; // a configuration was there before: any step may be first
let current = "";
let visit = 0; // counts the steps shown: what comes late belongs to an earlier one

async function send(path, content = {}) {
  const { status, content: message } = await post(path, content);
  if (status === 401) {
    askCode();
    throw Object.assign(new Error(message.error), { signedOut: true });
  }
  if (status !== 200) throw Object.assign(new Error(message.error), message);
  return message;
}

function element(tag, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

function show(where, text) {
  $(where).textContent = text;
  $(where).hidden = !text;
}

// The code.

function askCode() {
  visit += 1;
  $("#steps").hidden = $("#step").hidden = true;
  $("#sign-in").hidden = false;
  $("#code").focus();
}

async function signIn(code) {
  try {
    await send("access/sign_in", { secret: code });
  } catch (error) {
    askCode();
    show("#code-problem", error.message);
    $("#code").select();
    return;
  }
  show("#code-problem", "");
  $("#sign-in").hidden = true;
  await begin();
}

$("#code-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn($("#code").value);
});
$("#new-code").addEventListener("click", async () => {
  const { status, content } = await post("access/code");
  show("#code-problem", content.error ?? "");
  if (status === 200) $("#code-help").textContent = "The terminal shows it now.";
  $("#code").focus();
});

// The steps.

async function begin() {
  await list();
  await open((steps.find((step) => step.state !== "done") ?? steps[0]).name);
}

async function list() {
  const told = await send("setup/steps");
  steps = told.steps;
  there = told.there;
  $("#where").textContent = told.config;
  const first = steps.findIndex((step) => step.state !== "done");
  $("#steps").hidden = false;
  $("#steps ol").replaceChildren(...steps.map((step, number) => {
    const mark = { done: "✓", wrong: "!" }[step.state] ?? "·";
    const button = element("button", { type: "button", disabled: !there && first >= 0 && number > first });
    button.dataset.state = step.state;
    const said = { done: " (done)", wrong: " (not right yet)" }[step.state] ?? "";
    button.append(
      element("span", { className: "mark", ariaHidden: "true" }, mark),
      element("span", {}, `${number + 1}. ${step.title}`),
      element("span", { className: "unseen" }, said),
    );
    if (step.name === current) button.setAttribute("aria-current", "step");
    button.addEventListener("click", () => open(step.name));
    return element("li", {}, button);
  }));
  $("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

async function open(name) {
  const mine = ++visit;
  current = name;
  // Before anything is waited for: nobody may answer the step that was left.
  clear(steps.find((step) => step.name === name).title, "one moment: looking for what is here ...");
  $("#step-title").focus();
  await list();
  if (mine !== visit) return;
  let asked;
  try {
    asked = await send("setup/ask", { step: name });
  } catch (error) {
    if (mine === visit && !error.signedOut) show("#problem", error.message);
    return;
  }
  if (mine !== visit) return;
  $("#progress").textContent = "";
  $("#found").replaceChildren(...asked.found.map((text) => element("li", {}, text)));
  $("#missing").hidden = !asked.missing;
  $("#missing p").textContent = asked.missing;
  $("#answers").replaceChildren(...asked.questions.map(field), buttons(asked));
  follow();
  (asked.missing ? $("#again") : firstAnswer()).focus();
}

/** Of choices that which is chosen: another one with the focus looks chosen, too. */
function firstAnswer() {
  const first = $("#answers :is(input, button)");
  return (first.type === "radio" && $(`#answers [name="${CSS.escape(first.name)}"]:checked`)) || first;
}

function clear(title, progress) {
  $("#step").hidden = false;
  $("#step-title").textContent = title;
  $("#found").replaceChildren();
  $("#answers").replaceChildren();
  $("#judged").replaceChildren();
  $("#missing").hidden = $("#after").hidden = $("#picture").hidden = true;
  show("#problem", "");
  $("#progress").textContent = progress;
}

function buttons(asked) {
  const last = asked.step === steps.at(-1).name;
  const words = asked.step === "picture" ? "Go on" : last ? "Write it" : "Check and go on";
  return element("div", { className: "buttons" }, element("button", { type: "submit" }, words));
}

function field(question) {
  const id = `a-${question.key}`;
  const help = question.help ? element("p", { className: "help", id: `${id}-help` }, question.help) : "";
  let made;
  if (question.kind === "yes") {
    const box = element("input", { type: "checkbox", id, name: question.key, checked: question.default === true });
    made = element("div", { className: "field" }, element("label", { className: "check" }, box, question.text), help);
  } else if (question.kind === "choice") {
    made = choices(question, id, help);
  } else {
    const input = element("input", {
      id, name: question.key, value: question.default, autocomplete: "off", spellcheck: false,
      type: question.kind === "secret" ? "password" : "text", required: question.required,
    });
    if (question.kind === "number") input.inputMode = "decimal";
    made = element("div", { className: "field" }, element("label", { htmlFor: id }, question.text), input, help);
  }
  if (help) made.querySelectorAll("input").forEach((input) => input.setAttribute("aria-describedby", help.id));
  if (question.only_for) made.dataset.onlyFor = JSON.stringify(question.only_for);
  return made;
}

function choices(question, id, help) {
  const list = element("div", { className: "choices" });
  if (question.choices.some((choice) => choice.svg)) list.classList.add("pictures");
  const known = question.choices.some((choice) => choice.value === question.default);
  question.choices.forEach((choice, number) => {
    const radio = element("input", {
      type: "radio", name: question.key, value: choice.value, id: number ? `${id}-${number}` : id,
      checked: choice.value === question.default,
    });
    const label = element("label", { className: "choice" });
    // A drawing of the program's own (edge/tools/setup/pictures.py), never what somebody typed.
    if (choice.svg) label.append(document.createRange().createContextualFragment(choice.svg));
    label.append(radio, element("span", {}, choice.label));
    list.append(label);
  });
  if (question.open) {
    const radio = element("input", { type: "radio", name: question.key, value: "", checked: !known });
    radio.setAttribute("aria-label", "another");
    const text = element("input", { type: "text", value: known ? "" : question.default, autocomplete: "off", spellcheck: false });
    text.dataset.another = question.key;
    text.setAttribute("aria-label", `${question.text}: another`);
    text.addEventListener("input", () => { radio.checked = true; });
    if (question.choices.length === 0) {
      radio.hidden = true;
      text.id = id;
      text.setAttribute("aria-label", question.text);
    }
    list.append(element("div", { className: "choice" }, radio, text));
  }
  return element("fieldset", {}, element("legend", {}, question.text), list, help);
}

function answers() {
  const given = {};
  for (const input of $("#answers").querySelectorAll("input[name]")) {
    if (input.closest("[hidden]:not(input)")) continue;
    if (input.type === "checkbox") given[input.name] = input.checked ? "yes" : "no";
    else if (input.type !== "radio") given[input.name] = input.value;
    else if (input.checked) {
      const another = $(`[data-another="${input.name}"]`);
      given[input.name] = input.value || another?.value || "";
    }
  }
  return given;
}

// Questions that hang on an answer before.
function follow() {
  const given = answers();
  for (const asked of document.querySelectorAll("[data-only-for]")) {
    const [key, ...values] = JSON.parse(asked.dataset.onlyFor);
    const value = { yes: "True", no: "False" }[given[key]] ?? given[key];
    asked.hidden = values.length ? !values.includes(value) : !value;
  }
}

$("#answers").addEventListener("change", async () => {
  follow();
  if (current === "picture") await settle();
});
$("#answers").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (current === "picture") await after();
  else await settle();
});
$("#again").addEventListener("click", () => open(current));
$("#repeat").addEventListener("click", () => open(current));
$("#next").addEventListener("click", after);

async function settle() {
  const mine = visit, name = current;
  show("#problem", "");
  $("#judged").replaceChildren();
  $("#after").hidden = true;
  $("#progress").textContent = "one moment ...";
  busy(true);
  try {
    await send("setup/settle", { step: name, answers: answers() });
    await wait(mine, name);
  } catch (error) {
    if (mine !== visit || error.signedOut) return;
    busy(false);
    $("#progress").textContent = "";
    wrong(error.message, error.key);
  }
}

let focused = null; // what is disabled loses the focus

function busy(is) {
  if (is) focused = document.activeElement;
  for (const part of $("#answers").querySelectorAll("input, button")) part.disabled = is;
  for (const part of $("#steps").querySelectorAll("button")) if (is) part.disabled = true;
  if (!is && document.activeElement === document.body) focused?.focus();
}

async function wait(mine, name) {
  for (;;) {
    const told = await send("setup/progress");
    if (mine !== visit) return;
    if (told.said.length) $("#progress").textContent = told.said.at(-1);
    if (told.running) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      continue;
    }
    $("#progress").textContent = "";
    busy(false);
    if (told.error) return wrong(told.error, told.key);
    if (name === "picture") {
      await list();
      return picture(mine);
    }
    return judged(told.judged);
  }
}

function wrong(text, key) {
  show("#problem", text);
  const input = key ? $(`#answers [name="${CSS.escape(key)}"]`) : null;
  for (const other of $("#answers").querySelectorAll("[aria-invalid]")) other.removeAttribute("aria-invalid");
  input?.setAttribute("aria-invalid", "true");
  (input ?? $("#answers button"))?.focus();
  list();
}

async function judged(judgements) {
  const last = current === steps.at(-1).name;
  if (!judgements.length && !last) return after();
  $("#judged").replaceChildren(...judgements.map((judgement) => {
    const line = element("li", {}, element("b", {}, `${judgement.verdict}: `), judgement.text);
    line.dataset.verdict = judgement.verdict;
    if (judgement.remedy) line.append(element("p", {}, judgement.remedy));
    return line;
  }));
  if (last) {
    $("#answers").replaceChildren();
    $("#found").replaceChildren();
    $("#steps").hidden = true;
    $("#step-title").textContent = judgements.some((j) => j.verdict === "wrong")
      ? "Written, but the sensor did not start" : "Done";
    $("#progress").textContent = "This page has ended; it can be closed.";
    $("#step-title").focus();
    return;
  }
  await list();
  $("#after").hidden = false;
  $("#next").focus();
}

async function after() {
  const at = steps.findIndex((step) => step.name === current);
  await open(steps[at + 1].name);
}

// What the camera sees, while this step is open and with consent.
async function picture(mine) {
  const figure = $("#picture");
  while (mine === visit && answers().consent === "yes") {
    try {
      const shown = await send("setup/picture");
      if (mine !== visit || answers().consent !== "yes") break;
      figure.querySelector("img").src = `data:image/jpeg;base64,${shown.jpeg}`;
      const seen = shown.people === 1 ? "1 person" : `${shown.people} people`;
      figure.querySelector("img").alt = `What the camera sees now: ${seen}`;
      figure.querySelector("figcaption").textContent = `${seen} found. Only this page shows it.`;
      figure.hidden = false;
    } catch (error) {
      if (mine === visit && !error.signedOut) show("#problem", error.message);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  if (mine === visit) figure.hidden = true; // what stands still is not live
}

// The address may carry the code behind its #, which no browser sends anywhere.
const code = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const access = await (await fetch("access.json")).json();
if (access.signed_in) await begin();
else if (code) await signIn(code);
else askCode();
