// Picked filters as one expression of the filter language (docs/filters.md). Pure.

/** A text in single quotes, a number or a truth bare. */
export function literal(value) {
  return typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/**
 * The whole filter of a state.
 *
 * @param picked Field, as the server names it → values that were picked; of one field any, of several all.
 * @param kinds Field → "text", "number" or "truth": picked values stand in the address as texts.
 */
export function expression({ picked, from, to, where }, kinds = {}) {
  const parts = [];
  for (const [field, values] of Object.entries(picked)) {
    if (!values.length) continue;
    const told = values.map((value) => (plain(kinds[field], value) ? String(value) : literal(String(value))));
    parts.push(told.length === 1 ? `${field} = ${told[0]}` : `${field} in (${told.join(", ")})`);
  }
  if (from) parts.push(`date >= ${from}`);
  if (to) parts.push(`date <= ${to}`);
  if (where.trim()) parts.push(parts.length ? `(${where.trim()})` : where.trim());
  return parts.join(" and ");
}

/** How many filters are set; a field counts once, and so does a span of dates. */
export function count({ picked, from, to, where }) {
  return Object.values(picked).filter((values) => values.length).length + (from || to ? 1 : 0) + (where.trim() ? 1 : 0);
}

/** `picked` with a value taken in, or out if it was in. */
export function toggled(picked, field, value) {
  const now = picked[field] ?? [];
  const next = now.includes(value) ? now.filter((each) => each !== value) : [...now, value];
  const { [field]: _, ...others } = picked;
  return next.length ? { ...others, [field]: next } : others;
}

function plain(kind, value) {
  return kind === "number" ? value !== "" && Number.isFinite(Number(value)) : kind === "truth" && ["true", "false"].includes(value);
}
