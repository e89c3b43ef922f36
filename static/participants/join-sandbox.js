// The sandbox issues tokens but runs no media service. Given the details it would else fetch, the vendor's SDK
// starts without any network and its own setup screen appears (contract 17.2).

const NOWHERE = "sandbox.invalid"; // a name that never resolves: nothing is sent to Cloudflare

/** Options of RealtimeKitClient.init, from the join endpoint's answer. */
export function imagineSession(answer) {
  window.WebSocket = SilentSocket;
  return { authToken: answer.token, baseURI: NOWHERE, cachedUserDetails: imagineDetails(answer) };
}

/** Fails without trying: the SDK puts its token into the socket's address, which a browser logs on failure. */
class SilentSocket extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;
  readyState = SilentSocket.CONNECTING;
  bufferedAmount = 0;

  constructor() {
    super();
    setTimeout(() => this.close());
  }

  send() {}

  close() {
    if (this.readyState === SilentSocket.CLOSED) return;
    this.readyState = SilentSocket.CLOSED;
    for (const name of ["error", "close"]) {
      const event = new Event(name);
      this.dispatchEvent(event);
      this[`on${name}`]?.(event);
    }
  }
}

let visit = null; // {address, body: {token, peer_id}} while the sandbox counts this page as somebody inside

/** Has the sandbox count the holder of this token as inside, so that its webhooks say so. */
export async function enterSandbox(address, token) {
  if (visit || !address) return;
  const entering = { address, body: { token } };
  visit = entering;
  const answer = await fetch(address, { method: "POST", body: JSON.stringify({ token }) }).catch(() => null);
  entering.body.peer_id = answer?.ok ? (await answer.json()).peer_id : null;
  if (visit !== entering) tellLeft(entering); // left before the answer was there
}

export function leaveSandbox() {
  if (visit) tellLeft(visit);
  visit = null;
}

function tellLeft({ address, body }) {
  if (body.peer_id) navigator.sendBeacon(address, JSON.stringify(body)); // a page that is closing gets no answer
}

function imagineDetails({ participant, meeting }) {
  return {
    peerId: participant.id,
    userDetails: {
      participant: {
        id: participant.realtimekit_id,
        name: participant.name,
        email: "",
        picture: "",
        custom_participant_id: participant.custom_participant_id,
        customParticipantId: participant.custom_participant_id,
      },
      preset: describePreset(participant.preset),
      meeting: { title: meeting.title },
      socket: { base_uri: "", baseUri: "" },
    },
    roomDetails: { meetingTitle: meeting.title },
    iceServers: [],
  };
}

/** The setup screen looks as it does when connected, and its Join button calls `onArrived` instead of waiting. */
export function stopAtTheDoor(client, onArrived) {
  const connected = { state: "connected", reconnected: false, reconnectionAttempt: 0 };
  Object.defineProperty(client.meta, "socketState", { value: connected, configurable: true });
  client.meta.on("socketConnectionUpdate", ({ state }) => {
    if (state !== "connected") queueMicrotask(() => client.meta.emit("socketConnectionUpdate", connected));
  });
  const arrive = async () => {
    onArrived();
    client.meta.emit("socketConnectionUpdate", { ...connected, state: "failed" }); // ends the button's waiting
  };
  Object.defineProperty(client, "join", { value: arrive, configurable: true });
}

function describePreset(name) {
  const leads = /host|presenter/.test(name);
  const produce = { canProduce: /viewer/.test(name) ? "NOT_ALLOWED" : "ALLOWED" };
  return {
    id: name,
    name,
    version: "1",
    config: {
      viewType: /webinar/.test(name) ? "WEBINAR" : "GROUP_CALL",
      maxScreenShareCount: 1,
      maxVideoStreams: { desktop: 9, mobile: 4 },
      media: {
        audio: { enableHighBitrate: false, enableStereo: false },
        video: { quality: "hd", frameRate: 30, simulcast: true },
        screenshare: { quality: "hd", frameRate: 5 },
      },
      livestreamViewerQualities: [],
    },
    permissions: describePermissions(leads, produce),
    ui: { designTokens: describeLook(), configDiff: {} },
  };
}

function describePermissions(leads, produce) {
  return {
    acceptWaitingRequests: leads,
    acceptStageRequests: leads,
    canAcceptProductionRequests: leads,
    canChangeParticipantPermissions: leads,
    canEditDisplayName: true,
    canLivestream: false,
    canRecord: leads,
    canSpotlight: leads,
    disableParticipantAudio: leads,
    disableParticipantVideo: leads,
    disableParticipantScreensharing: leads,
    hiddenParticipant: false,
    isRecorder: false,
    recorderType: "NONE",
    kickParticipant: leads,
    pinParticipant: leads,
    showParticipantList: true,
    stageEnabled: false,
    stageAccess: "ALLOWED",
    transcriptionEnabled: false,
    waitingRoomType: "SKIP",
    waitingRoomBehaviour: "SKIP",
    chat: {
      public: { canSend: true, text: true, files: true },
      private: { canSend: true, canReceive: true, text: true, files: true },
    },
    connectedMeetings: { canAlterConnectedMeetings: false, canSwitchConnectedMeetings: false, canSwitchToParentMeeting: false },
    media: { audio: produce, video: produce, screenshare: produce },
    plugins: { canStart: leads, canClose: leads, canEditConfig: false, config: {} },
    polls: { canCreate: leads, canView: true, canVote: true },
  };
}

function describeLook() {
  return {
    borderRadius: "rounded",
    borderWidth: "thin",
    spacingBase: 4,
    theme: "dark",
    logo: "",
    colors: {
      background: { 600: "#3b4252", 700: "#2e3442", 800: "#232833", 900: "#1a1f29", 1000: "#12151c" },
      brand: { 300: "#a9b7f5", 400: "#8497ee", 500: "#5a73e3", 600: "#3454d1", 700: "#2740a8" },
      danger: "#e5484d",
      success: "#30a46c",
      warning: "#f5a524",
      text: "#f4f6fb",
      textOnBrand: "#ffffff",
      videoBg: "#1a1f29",
    },
  };
}
