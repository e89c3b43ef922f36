// Words in the reader's language. Django's catalogue is a script of its own; without it the page speaks English.

const catalogue = globalThis.django;

export const language = document.documentElement.lang || "en-gb";

/** `facts` fill the places named `%(so)s`. */
export const gettext = (text, facts) => fillIn(catalogue?.gettext?.(text) ?? text, facts);

export function ngettext(one, many, count, facts) {
  const text = catalogue?.ngettext?.(one, many, count) ?? (count === 1 ? one : many);
  return fillIn(text, { count, ...facts });
}

function fillIn(text, facts) {
  if (!facts) return text;
  return text.replace(/%\((\w+)\)s/g, (whole, name) => (Object.hasOwn(facts, name) ? String(facts[name]) : whole));
}
