// What has to happen before the page looks at a door or a list for the first time, in order: the place for modules
// that make somebody welcome in another way than by signing in.

/**
 * Functions of the meeting's id (undefined for the list). Each may answer {id}, the meeting to be in focus from now on,
 * or {problem}, whose code names the screen of SCREENS that is shown instead.
 */
export const openings = [];
