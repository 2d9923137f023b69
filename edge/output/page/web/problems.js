// What is wrong with microphones, camera and learned room, and what to do about it.

import { $, element } from "./dom.js";

const HTML = "http://www.w3.org/1999/xhtml";

/** problems: of the sensor's `health`. The header counts them, the panel says each in sentences. */
export function showProblems(problems) {
  const key = JSON.stringify(problems);
  if ($("problem-list").dataset.key === key) return;
  $("problem-list").dataset.key = key;
  $("problems").hidden = $("trouble").hidden = problems.length === 0;
  $("trouble").firstElementChild.textContent = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  $("problem-list").replaceChildren(...problems.map((problem) => {
    const row = element(HTML, "li", { "data-kind": problem.kind });
    row.append(
      element(HTML, "p", { class: "what" }, sentence(`${problem.part} ${problem.found}`)),
      element(HTML, "p", {}, sentence(`Likely cause: ${problem.cause}`)),
      element(HTML, "p", { class: "remedy" }, sentence(`What to do: ${problem.remedy}`)),
    );
    return row;
  }));
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
