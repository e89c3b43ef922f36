// From a join answer to the vendor's meeting screen. The token stays in this call's memory: never in the page,
// an address, storage or the console.

import { setBusy } from "./join-actions.js";
import { forgetInside, noteInside } from "./join-inside.js";
import { teachWords } from "./join-kit-words.js";
import { announce, fill, main, show, slot, stamp } from "./join-page.js";
import { enterSandbox, imagineSession, leaveSandbox, stopAtTheDoor } from "./join-sandbox.js";
import { gettext } from "./join-words.js";

const REFUSED = "0004";
const NOT_CONNECTED = "0002";
const SDK_PROBLEMS = { [REFUSED]: "pass_refused", "0010": "browser_unsupported" };
// "disconnected" is missing: the SDK is still trying then, and the UI kit says so. After "failed" it has given up.
const LEFT_FOR_GOOD = new Set(["left", "kicked", "ended", "rejected", "failed"]);
const PAUSE = 1000; // ms before a second try

let running = null; // {client, element}

/**
 * Show the room for `answer` (the join endpoint's). `onLeft` gets the SDK's room state, `onRefused` is told when the
 * SDK refuses the token only at the door. Throws RoomTrouble; its code is "abandoned" when the room is not wanted any
 * more by the time it could open.
 */
export async function openRoom(answer, { onLeft, onRefused, isWanted }) {
  const room = stamp("room");
  const leave = room.querySelector("[data-leave]");
  leave.addEventListener("click", () => {
    setBusy(leave, gettext("Leaving…"));
    onLeft("left");
  });
  fill(room, "title", answer.meeting.title);
  document.body.classList.add("in-room");
  show(room, "starting", answer.meeting.title);
  await loadVendor();
  if (!isWanted()) throw new RoomTrouble("abandoned");
  const client = await startClient(answer);
  if (!isWanted()) {
    await release(client);
    throw new RoomTrouble("abandoned");
  }
  const element = document.createElement("rtk-meeting");
  Object.assign(element, { mode: "fill", showSetupScreen: true, leaveOnUnmount: true, meeting: client });
  await teachWords(element, main.dataset.uiKit);
  running = { client, element };
  client.self.on("roomJoined", () => noteInside(answer.meeting.id));
  client.self.on("roomLeft", ({ state } = {}) => LEFT_FOR_GOOD.has(state) && onLeft(state));
  if (isSandbox()) prepareSandbox(client, room, answer);
  joinPatiently(client, onRefused);
  slot(room, "stage").replaceChildren(element);
  slot(room, "stage").removeAttribute("aria-busy");
  main.dataset.screen = "ok";
}

function prepareSandbox(client, room, answer) {
  slot(room, "note").hidden = false;
  stopAtTheDoor(client, () => {
    noteInside(answer.meeting.id);
    enterSandbox(main.dataset.visits, answer.token);
    finishSandbox(room);
  });
  addEventListener("pagehide", leaveSandbox);
}

/** What the UI kit's own Join button calls: tried twice before it reports that it could not connect. */
function joinPatiently(client, onRefused) {
  const join = client.join.bind(client);
  const value = async () => {
    try {
      return await tryTwice(join);
    } catch (error) {
      if (error?.code === REFUSED) onRefused();
      throw error;
    }
  };
  Object.defineProperty(client, "join", { value, configurable: true });
}

async function tryTwice(work) {
  try {
    return await work();
  } catch (error) {
    if (error?.code !== NOT_CONNECTED) throw error;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    return work();
  }
}

function finishSandbox(room) {
  const words = gettext("This is where the call would begin: everything up to here worked. There is nobody to talk to in a sandbox.");
  fill(room, "note-text", words);
  announce(words);
}

/** Take the room down and let camera, microphone and connection go. */
export async function closeRoom() {
  document.body.classList.remove("in-room");
  leaveSandbox();
  forgetInside();
  if (!running) return;
  const { client, element } = running;
  running = null;
  element.remove();
  await release(client);
}

async function release(client) {
  const steps = [() => client.self.disableVideo(), () => client.self.disableAudio(), () => client.self.roomJoined && client.leave()];
  for (const step of steps) await Promise.resolve().then(step).catch(() => {}); // a half-started client may refuse
}

/** `code` is a screen's name. */
export class RoomTrouble extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

const isSandbox = () => main.dataset.provider === "sandbox";

async function loadVendor() {
  const { uiKit, sdk } = main.dataset;
  try {
    await Promise.all([import(new URL(uiKit, location.href).href), loadScript(sdk)]);
  } catch {
    throw new RoomTrouble((await isMissing(uiKit)) || (await isMissing(sdk)) ? "ui_missing" : "network");
  }
}

function loadScript(address) {
  if (window.RealtimeKitClient) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => {
      script.remove();
      reject(new Error("not loaded"));
    });
    document.head.append(script);
  });
}

async function isMissing(address) {
  const answer = await fetch(address, { method: "HEAD" }).catch(() => null);
  return answer?.status === 404;
}

async function startClient(answer) {
  const defaults = { audio: false, video: false };
  const options = isSandbox() ? imagineSession(answer) : { authToken: answer.token };
  try {
    return await tryTwice(() => window.RealtimeKitClient.init({ defaults, ...options }));
  } catch (error) {
    throw new RoomTrouble(SDK_PROBLEMS[error?.code] ?? "room_unreachable");
  }
}
