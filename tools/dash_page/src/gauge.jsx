// A gauge: half a circle, the value in its middle, and thresholds that colour it.
import { number } from "./format.js"
import { levelOf } from "./level.js"

const WORDS = { warn: "warning", alarm: "alarm" }
const arc = (from, to) => {
  const at = (part) => `${60 - 50 * Math.cos(Math.PI * part)} ${60 - 50 * Math.sin(Math.PI * part)}`
  return `M${at(from)}A50 50 0 0 1 ${at(to)}`
}

/** The level as a word beside the value: colour alone does not tell it to everybody. */
export function Mark({ level }) {
  return level ? <span class={`mark is-${level}`}>{WORDS[level]}</span> : null
}

export function Gauge({ item }) {
  const { value, min, max, unit = "", label, digits } = item
  const level = levelOf(value, item)
  const isThere = typeof value === "number" && Number.isFinite(value)
  const part = isThere && max > min ? Math.min(1, Math.max(0, (value - min) / (max - min))) : 0
  const shown = `${number(value, digits)} ${unit}${level ? ", " + WORDS[level] : ""}`
  return (
    <div role="meter" aria-label={label} aria-valuemin={min} aria-valuemax={max}
      aria-valuenow={isThere ? Math.min(max, Math.max(min, value)) : min} aria-valuetext={shown}>
      <svg class={`gauge is-${level}`} viewBox="0 0 120 76" aria-hidden="true">
        <path d={arc(0, 1)} stroke="var(--line)" />
        {part > 0 && <path d={arc(0, part)} stroke={level ? "currentColor" : "var(--main)"} />}
        <text x="60" y="58" font-size="21">{number(value, digits)}</text>
        <text x="60" y="73" font-size="10">{unit}</text>
      </svg>
    </div>
  )
}
