// A personal link: the secret stands behind the # of the address, which no browser sends anywhere. It is handed to the
// server once, taken out of the address, and what came of it is said. Needs nothing of the join page but <main>.

const SECRET = /^#(rci_[A-Za-z0-9_-]{20,200})$/;
const PATIENCE = 20_000;
const main = document.getElementById("main");

const TROUBLE = {
  invitation_unknown: { icon: "search", tone: "calm", title: "This link does not work" },
  invitation_revoked: { icon: "lock", tone: "stop", title: "This invitation was revoked" },
  invitation_expired: { icon: "clock", tone: "calm", title: "This invitation has expired" },
  invitation_used: { icon: "lock", tone: "stop", title: "Opened on another device" },
  removed: { icon: "leave", tone: "stop", title: "You were removed from this meeting" },
  blocked: { icon: "lock", tone: "stop", title: "You can't join meetings here" },
  rate_limited: { icon: "clock", tone: "wait", title: "One moment, please", again: true },
  csrf_failed: { icon: "reload", tone: "wait", title: "This page is out of date", text: "Reload it and try again.", again: true },
  network: { icon: "offline", tone: "wait", title: "You seem to be offline", text: "This server can't be reached from your browser. Check your connection and try again.", again: true },
  unexpected: { icon: "warning", tone: "stop", title: "That did not work", text: "Something unexpected happened. Nothing was lost; try again.", again: true },
};

/** Whether the address holds an invitation, which is then seen to: the page has nothing else to do. */
export function openInvitation() {
  const secret = SECRET.exec(location.hash)?.[1];
  if (!secret) return false;
  if ("bindsDevice" in main.dataset) {
    show({ icon: "lock", tone: "calm", title: "Open your invitation on this device?",
      text: "It works on the first device that opens it, and on no other.",
      actions: [makeButton("Open it here", () => redeem(secret), "primary large")] });
  } else {
    redeem(secret);
  }
  return true;
}

async function redeem(secret, replace = false) {
  show({ icon: "door", tone: "calm", title: "Opening your invitation…", busy: true });
  const { ok, body } = await post("invitations/redeem/", { secret, replace });
  if (ok) return goOn(body.meeting);
  if (body.code === "signed_in_as_other") return letThemChoose(secret, body);
  const known = TROUBLE[body.code] ?? TROUBLE.unexpected;
  if (!known.again) forget(); // an answer for good: nobody needs the secret any more
  show({ ...known, text: known.text ?? body.detail, actions: [
    known.again && makeButton("Try again", () => location.reload(), "primary"),
    !known.again && makeLink("My meetings", main.dataset.home),
  ] });
}

function letThemChoose(secret, { name, meeting_title: title, signed_in: user }) {
  show({ icon: "people", tone: "wait", name: title, title: `This invitation is for ${name}`,
    text: `You are signed in as ${user}. Whom do you want to join as?`,
    next: `Joining as ${name} signs ${user} out in this browser.`,
    actions: [
      makeButton(`Join as ${name}`, () => redeem(secret, true), "primary"),
      makeButton(`Stay signed in as ${user}`, () => goOn("")),
    ] });
}

/** On to the meeting's own page, whose address has no secret. */
function goOn(meeting) {
  forget();
  const address = meeting ? `${main.dataset.home}m/${meeting}/` : location.pathname;
  show({ icon: "door", tone: "calm", title: "Opening the meeting…", busy: true });
  if (address === location.pathname) location.reload();
  else location.replace(address);
}

function forget() {
  history.replaceState(history.state, "", location.pathname + location.search);
}

async function post(path, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": readCookie("csrftoken") };
  try {
    const response = await fetch(main.dataset.api + path, {
      method: "POST", headers, body: JSON.stringify(body), credentials: "same-origin", cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    return { ok: response.ok, body: await response.json() };
  } catch {
    return { ok: false, body: { code: "network" } };
  }
}

function readCookie(name) {
  const pair = document.cookie.split("; ").find((item) => item.startsWith(`${name}=`));
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : "";
}

function show({ icon, tone, title, name = "", text = "", next = "", actions = [], busy = false }) {
  const card = document.getElementById("invitation").content.firstElementChild.cloneNode(true);
  const say = (part, words) => {
    const element = card.querySelector(`[data-part="${part}"]`);
    element.textContent = words;
    element.hidden = !words;
  };
  card.querySelector(".mark").classList.add(tone);
  card.querySelector("use").setAttribute("href", `#icon-${icon}`);
  card.setAttribute("aria-busy", String(busy));
  say("name", name);
  say("title", title);
  say("text", text);
  say("next", next);
  const row = card.querySelector("[data-part=actions]");
  row.append(...actions.filter(Boolean).flatMap((action) => [action, " "]));
  row.hidden = !row.childElementCount;
  main.replaceChildren(card);
  main.dataset.screen = "invitation";
  document.title = `${title} · Rollcall`;
  card.querySelector("h1").focus({ preventScroll: true });
}

function makeButton(text, action, looks = "") {
  const button = document.createElement("button");
  button.type = "button";
  button.className = `button ${looks}`.trim();
  button.textContent = text;
  button.addEventListener("click", action, { once: true });
  return button;
}

function makeLink(text, address) {
  const link = document.createElement("a");
  link.className = "button";
  link.href = address;
  link.textContent = text;
  return link;
}

// Pasted into the address of a page that is open already: the browser loads nothing by itself.
window.addEventListener("hashchange", () => SECRET.test(location.hash) && location.reload());
