// Zones are drawn, changed and removed here, and kept by the sensor.

import { post, sentence, signedIn, signOut } from "./access.js";
import { $, name, element, say } from "./dom.js";
import { Plan } from "./plan.js";

const HTML = "http://www.w3.org/1999/xhtml";
const LOOK_AGAIN_MS = 2000;
const UNAUTHORIZED = 401, CONFLICT = 409;
const HOW = {
  new: "Set the corners one after the other: click or tap on the floor, or use the arrow keys and Enter there. The zone closes itself.",
  kept: "Drag a corner, or a side for a new corner; or use the keys there.",
};

/** site: config.json of the sensor. changed: called with the zones whenever they are others. */
export class Zones {
  constructor(site, changed) {
    this.site = site;
    this.changed = changed;
    this.version = null;
    this.zones = site.zones;
    // {old, name, corners, version}: the zone that is drawn. old: its name as kept, null for a new one. version: of all
    // zones when it was begun.
    this.draft = null;
    this.sure = false; // Delete was pressed once
    this.plan = new Plan($("plan"), {
      change: (corners) => this.#setCorners(corners),
      select: (wanted) => this.#edit(this.zones.find((zone) => zone.name === wanted)),
      say: (text) => say("spoken", text),
    });
    this.#listen();
    say("zones-file", site.zones_file);
    $("zones-open").hidden = false;
    this.#lookAgain();
  }

  get open() {
    return !$("zones").hidden;
  }

  /** As `Company` gives them. */
  setPeople(people) {
    if (this.open) this.plan.setPeople(people);
  }

  #listen() {
    const on = (id, event, handler) => $(id).addEventListener(event, handler);
    on("zones-open", "click", async () => {
      if (this.site.frame !== "room") this.#show("Zones lie on the floor, but rig.camera.height_m is not set: measure how high the camera is.");
      else if (await signedIn()) {
        await this.#look();
        this.#show("");
      }
    });
    on("zones-close", "click", () => this.#close());
    on("sign-out", "click", async () => {
      await signOut();
      this.#close();
    });
    on("zone-new", "click", () => this.#edit(null));
    on("zone-cancel", "click", () => this.#leave());
    on("zone-form", "submit", (event) => {
      event.preventDefault();
      this.#save({ name: $("zone-name").value.trim(), polygon: this.draft.corners });
    });
    on("zone-delete", "click", () => {
      if (this.sure) this.#save(null);
      else this.#ask(true);
    });
    on("zone-delete", "blur", () => this.#ask(false));
    on("zone-form", "keydown", (event) => {
      if (event.key === "Escape") this.#leave();
    });
    on("corner-new", "click", () => {
      const { corners } = this.draft;
      this.#setCorners([...corners, corners.length ? [corners.at(-1)[0] + 0.5, corners.at(-1)[1]] : [0, 2]]);
      $("corner-list").lastElementChild.querySelector("input").focus();
    });
  }

  #show(problem) {
    $("zones").hidden = false;
    $("plan").removeAttribute("hidden");
    document.documentElement.classList.add("zoning");
    this.#tell(problem, "");
    this.#leave();
    $("zone-new").disabled = problem !== "";
  }

  #close() {
    this.draft = null;
    $("zones").hidden = true;
    $("plan").setAttribute("hidden", "");
    document.documentElement.classList.remove("zoning");
    $("zones-open").focus();
  }

  /** zone: as kept; null for a new one. */
  #edit(zone) {
    this.#tell("", "");
    const { version } = this;
    this.draft = zone === null
      ? { old: null, name: "", corners: [], version }
      : { old: zone.name, name: zone.name, corners: zone.polygon.map((corner) => [...corner]), version };
    $("zone-name").value = this.draft.name;
    this.#render();
    $("zone-name").focus();
  }

  /** Back to the list. */
  #leave() {
    const old = this.draft?.old ?? null;
    this.draft = null;
    this.#render();
    const button = [...$("zone-list").querySelectorAll("button")].find((b) => b.dataset.zone === old);
    (button ?? $("zone-new")).focus();
  }

  #setCorners(corners) {
    this.draft.corners = corners;
    this.#render();
  }

  async #save(zone) {
    const { old, version } = this.draft;
    if (zone === null && old === null) return;
    $("zone-save").disabled = true;
    const { status, content } = await post("zones", { version, old, new: zone });
    $("zone-save").disabled = false;
    if (content.zones) this.#take(content);
    if (status === UNAUTHORIZED) {
      if (await signedIn() && this.draft) await this.#save(zone);
      return;
    }
    if (content.error) {
      // Whoever drew it keeps it, as a new zone where the old one is gone.
      if (status === CONFLICT && this.draft) {
        this.draft.version = content.version;
        if (!this.zones.some((kept) => kept.name === old)) this.draft.old = null;
      }
      this.#render();
      this.#tell(sentence(content.error), "");
      return;
    }
    this.draft = { old: zone?.name ?? null };
    this.#leave();
    this.#tell("", zone === null ? `${old} was removed.` : `${zone.name} is kept.`);
  }

  /** What the sensor says of its zones. */
  #take({ version, zones }) {
    if (version === this.version) return;
    this.version = version;
    this.zones = zones;
    this.changed(zones);
    if (this.open) this.#render();
  }

  /** Another page, or an editor, may change them too. */
  async #lookAgain() {
    if (!document.hidden) await this.#look();
    setTimeout(() => this.#lookAgain(), LOOK_AGAIN_MS);
  }

  async #look() {
    try {
      const answer = await fetch("zones.json", { cache: "no-store" });
      if (answer.ok) this.#take(await answer.json());
    } catch {
      // The sensor may be starting again; the connection to the broker tells.
    }
  }

  #tell(problem, told) {
    say("zones-problem", problem);
    $("zones-problem").hidden = problem === "";
    say("zones-told", told);
  }

  #ask(sure) {
    this.sure = sure;
    say("zone-delete", sure ? "Delete it for good?" : "Delete");
  }

  #render() {
    const { draft, zones } = this;
    this.plan.set(this.site, zones, draft?.corners ?? null, draft?.old ?? null);
    $("zones-kept").hidden = draft !== null;
    $("zone-form").hidden = draft === null;
    if (draft === null) this.#list();
    else {
      this.#ask(false);
      $("zone-delete").hidden = draft.old === null;
      say("zone-how", draft.old === null ? HOW.new : HOW.kept);
      this.#corners(draft.corners);
    }
  }

  #list() {
    $("no-zones").hidden = this.zones.length > 0;
    const before = document.activeElement?.dataset.zone;
    $("zone-list").replaceChildren(...this.zones.map((zone) => {
      const button = element(HTML, "button", { type: "button", "data-zone": zone.name });
      button.append(name(zone.name));
      button.addEventListener("click", () => this.#edit(zone));
      const row = element(HTML, "li");
      row.append(button);
      return row;
    }));
    if (before !== undefined) [...$("zone-list").querySelectorAll("button")].find((b) => b.dataset.zone === before)?.focus();
  }

  /** Rows of numbers, which keep the focus and what is being typed. */
  #corners(corners) {
    const list = $("corner-list");
    while (list.children.length > corners.length) list.lastElementChild.remove();
    while (list.children.length < corners.length) list.append(this.#row(list.children.length));
    corners.forEach((corner, k) => [...list.children[k].querySelectorAll("input")].forEach((input, axis) => {
      if (input !== document.activeElement) input.value = corner[axis].toFixed(2);
    }));
  }

  #row(k) {
    const row = $("corner-row").content.firstElementChild.cloneNode(true);
    row.querySelectorAll("input").forEach((input, axis) => {
      input.setAttribute("aria-label", `Corner ${k + 1}, metres ${axis === 0 ? "to the right" : "away"}`);
      input.addEventListener("input", () => {
        if (!Number.isFinite(input.valueAsNumber)) return;
        this.#setCorners(this.draft.corners.map((corner, i) => (i === k ? corner.map((v, a) => (a === axis ? input.valueAsNumber : v)) : corner)));
      });
    });
    const remove = row.querySelector("button");
    remove.setAttribute("aria-label", `Remove corner ${k + 1}`);
    remove.addEventListener("click", () => {
      this.#setCorners(this.draft.corners.filter((_, i) => i !== k));
      ($("corner-list").children[k]?.querySelector("button") ?? $("corner-new")).focus();
    });
    return row;
  }
}
