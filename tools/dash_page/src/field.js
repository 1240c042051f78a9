// What a field takes, and what was typed into it.
import { number } from "./format.js"

/** What a field takes, in words. It is a hint: the device decides. */
export function hint({ kind, min, max, step, length, unit = "" }) {
  if (kind !== "number") return `at most ${length} bytes`
  const range = [min !== undefined && `from ${number(min)}`, max !== undefined && `to ${number(max)}`, unit].filter(Boolean).join(" ")
  return `${Number.isInteger(step) ? "a whole number" : "a number"} ${range}`
}

/** This moment, as a field for a local time wants it. */
export function localNow() {
  const now = new Date()
  return new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(0, 19)
}

/** What was typed, as the device wants it: a number, if it is one; of a time the seconds since 1970. */
export function typed(kind, draft) {
  if (kind === "time") return Math.round(new Date(draft) / 1000)
  if (kind !== "number") return draft
  const value = Number(draft.trim().replace(",", ".") || NaN)
  return Number.isFinite(value) ? value : draft
}
