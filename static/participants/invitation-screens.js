// What a guest meets on the join page once their invitation is over. One entry per code, as in join-screens.js.

const said = ({ detail, message }) => detail ?? message ?? "";

export const INVITATION_SCREENS = {
  invitation_revoked: { icon: "lock", tone: "stop", title: "Your invitation was revoked", text: said, actions: ["sign-in"] },
  invitation_expired: { icon: "clock", tone: "calm", title: "Your invitation has expired", text: said, actions: ["sign-in"] },
};
