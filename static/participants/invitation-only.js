// The page of somebody who is not signed in: the only thing a script has to do there is to open an invitation.

import { openInvitation } from "./invitation.js";

openInvitation();
