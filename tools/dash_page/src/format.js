// Values as text.

const LONG = 1e15

/** A number as a person reads it: no more digits than it has, and no exponent unless it is needed. */
export function number(value, digits) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–"
  if (digits !== undefined) return value.toFixed(digits)
  return Math.abs(value) < LONG ? String(+value.toPrecision(6)) : value.toExponential(3)
}

export function bytes(n) {
  if (typeof n !== "number") return "–"
  const units = ["bytes", "KB", "MB", "GB"]
  let k = 0
  while (n >= 1000 && k < 3) { n /= 1000; k++ }
  return `${k ? n.toPrecision(3) : n} ${units[k]}`
}

/** A duration in seconds, in the two largest units. */
export function duration(s) {
  s = Math.max(0, Math.round(s))
  const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]]
  const first = parts.findIndex(([n]) => n)
  return first < 0 ? "0 s" : parts.slice(first, first + 2).filter(([n]) => n).map((part) => part.join(" ")).join(" ")
}

export const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })

/** A time of today as a time, another one with its day. */
export function moment(s) {
  const date = new Date(s * 1000)
  return date.toDateString() === new Date().toDateString() ? clock(date) : date.toLocaleString()
}

/** Any value as text. Text from the device is shown as text, never as HTML. */
export function text(value) {
  if (value === null || value === undefined) return "–"
  if (typeof value === "boolean") return value ? "yes" : "no"
  if (typeof value === "number") return number(value)
  return typeof value === "string" ? value : JSON.stringify(value)
}
