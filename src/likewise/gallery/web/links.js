// What the page shows, as the part of its address behind the #: links can be kept, sent, and gone back to.

/**
 * The state in an address: texts by name, and lists of texts for the names in `many`.
 * @example read("#like=a.jpg&view=map", ["like"])  →  {like: ["a.jpg"], view: "map"}
 */
export function read(hash, many) {
  const told = new URLSearchParams(hash.replace(/^#/, ""));
  const state = Object.fromEntries(told);
  for (const name of many) state[name] = told.getAll(name);
  return state;
}

/** The address of a state; what is empty is left out. */
export function written(state) {
  const told = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each) told.append(name, each);
  }
  const text = told.toString();
  return text ? `#${text}` : "#";
}
