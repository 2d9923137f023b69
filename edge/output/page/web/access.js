// Who may change something: asks for the code from the sensor's terminal, or the password.

import { $, say } from "./dom.js";

/** POST to posekernel: {status, content}; content.error is a sentence where it refused. */
export async function post(path, content = {}) {
  try {
    const answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content), cache: "no-store",
    });
    return { status: answer.status, content: await answer.json() };
  } catch (error) {
    return { status: 0, content: { error: `posekernel does not answer (${error.message}); look whether it still runs` } };
  }
}

/** Whether this browser may change something; asks for code or password where it may not yet. */
export async function signedIn() {
  try {
    const state = await (await fetch("access.json", { cache: "no-store" })).json();
    return state.signed_in || (await ask(state.has_password));
  } catch {
    return ask(false);
  }
}

/** Nobody who comes to this browser later may change anything. */
export function signOut() {
  return post("access/sign_out");
}

function ask(hasPassword) {
  const dialog = $("access");
  $("secret").value = "";
  say("secret-name", hasPassword ? "Password or code" : "Code");
  say("access-problem", "");
  post("access/code");
  dialog.showModal();
  return new Promise((resolve) => {
    const ended = new AbortController();
    const once = { signal: ended.signal };
    let right = false;
    dialog.addEventListener("close", () => {
      ended.abort();
      resolve(right);
    }, once);
    $("access-cancel").addEventListener("click", () => dialog.close(), once);
    $("access-code").addEventListener("click", async () => {
      const { content } = await post("access/code");
      say("access-problem", content.error ?? "");
    }, once);
    $("access-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const { content } = await post("access/sign_in", { secret: $("secret").value });
      $("secret").value = "";
      right = content.signed_in === true;
      if (right) dialog.close();
      else {
        say("access-problem", sentence(content.error));
        $("secret").focus();
      }
    }, once);
  });
}

/** As a sentence of its own. */
export function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}
