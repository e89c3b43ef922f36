// From a join answer to the vendor's meeting screen. The token stays in this call's memory: never in the page,
// an address, storage or the console.

import { announce, fill, main, show, slot, stamp } from "./join-page.js";
import { enterSandbox, imagineSession, leaveSandbox, stopAtTheDoor } from "./join-sandbox.js";

const SDK_PROBLEMS = { "0004": "pass_refused", "0010": "browser_unsupported" };
const LEFT_FOR_GOOD = new Set(["left", "kicked", "ended", "rejected"]); // the UI kit itself sees to "disconnected"
let running = null; // {client, element}

/**
 * Show the room for `answer` (the join endpoint's). `onLeft` gets the SDK's room state.
 * Throws RoomTrouble; its code is "abandoned" when the room is not wanted any more by the time it could open.
 */
export async function openRoom(answer, { onLeft, isWanted }) {
  const room = stamp("room");
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
  running = { client, element };
  client.self.on("roomLeft", ({ state } = {}) => LEFT_FOR_GOOD.has(state) && onLeft(state));
  if (isSandbox()) {
    slot(room, "note").hidden = false;
    stopAtTheDoor(client, () => {
      enterSandbox(main.dataset.visits, answer.token);
      finishSandbox(room);
    });
    addEventListener("pagehide", leaveSandbox);
  }
  const leave = room.querySelector("[data-leave]");
  leave.addEventListener("click", () => onLeft("left"));
  leave.hidden = false;
  slot(room, "stage").replaceChildren(element);
  main.dataset.screen = "ok";
}

function finishSandbox(room) {
  const words = "This is where the call would begin: everything up to here worked. There is nobody to talk to in a sandbox.";
  fill(room, "note-text", words);
  announce(words);
}

/** Take the room down and let camera, microphone and connection go. */
export async function closeRoom() {
  document.body.classList.remove("in-room");
  leaveSandbox();
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
    return await window.RealtimeKitClient.init({ defaults, ...options });
  } catch (error) {
    throw new RoomTrouble(SDK_PROBLEMS[error?.code] ?? "room_unreachable");
  }
}
