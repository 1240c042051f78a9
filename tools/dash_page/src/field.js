// What a field takes, and what was typed into it.
import { number } from "./format.js"

/** What a field takes, in words. It is a hint: the device decides. */
export function hint({ kind, min, max, step, length, unit = "" }) {
  if (kind !== "number") return `at most ${length} bytes`
  const range = [min !== undefined && `from ${number(min)}`, max !== undefined && `to ${number(max)}`, unit].filter(Boolean).join(" ")
  return `${Number.isInteger(step) ? "a whole number" : "a number"} ${range}`
}

/** What was typed, as the device wants it: a number, if it is one. */
export function typed(kind, draft) {
  if (kind !== "number") return draft
  const value = Number(draft.trim().replace(",", ".") || NaN)
  return Number.isFinite(value) ? value : draft
}
