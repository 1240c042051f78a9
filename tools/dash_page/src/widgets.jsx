// The widgets: what shows a value, and what changes one. Each gets its item: docs/dash.md lists the fields.
import { useId, useState } from "preact/hooks"
import { Action } from "./action.jsx"
import { device } from "./device.js"
import { hint, typed } from "./field.js"
import { number, text } from "./format.js"
import { Gauge, Mark } from "./gauge.jsx"
import { levelOf } from "./level.js"
import { Log } from "./log.jsx"
import { Card, Refusal } from "./parts.jsx"
import { Plot } from "./plot.jsx"
import { Table } from "./table.jsx"

// --- what shows a value

function Value({ item }) {
  const { value, unit, digits, error } = item
  const level = levelOf(value, item)
  const isLong = typeof value === "string" && value.length > 16
  return (
    <Card title={item.label} size={item.history || isLong || error ? "" : "small-card"} state={<Mark level={level} />}>
      <p class={isLong ? "" : `big is-${level}`}>
        {typeof value === "boolean" && <span aria-hidden="true">{value ? "●" : "○"} </span>}
        {typeof value === "number" ? number(value, digits) : text(value)} {unit && <span class="unit">{unit}</span>}
      </p>
      {error && <p class="bad">{error}</p>}
      {item.history && <Plot item={item} />}
    </Card>
  )
}

function GaugeCard({ item }) {
  return (
    <Card title={item.label} state={<Mark level={levelOf(item.value, item)} />}>
      <Gauge item={item} />
      {item.error && <p class="bad">{item.error}</p>}
      {item.history && <Plot item={item} />}
    </Card>
  )
}

// --- what changes one

/** The value that was asked for, until the device has answered; then the device's. */
function useControl(item) {
  const asked = device.asked.get(item.id)
  return {
    value: asked ? asked.value : item.value,
    pending: asked && <span class="soft" aria-hidden="true">…</span>,
    refusal: device.refused.get(item.id) || item.error,
    isLocked: !device.may(item.level),
    set: (value) => device.set(item.id, value),
  }
}

function Switch({ item }) {
  const { value, pending, refusal, isLocked, set } = useControl(item)
  const id = useId()
  return (
    <section class="card">
      <div class="row">
        <h3 id={id}>{item.label}</h3>
        <span class="row">
          {pending}
          <button type="button" role="switch" aria-checked={!!value} aria-labelledby={id} disabled={isLocked} onClick={() => set(!value)} />
        </span>
      </div>
      <Refusal text={refusal} />
    </section>
  )
}

function Slider({ item }) {
  const { value, pending, refusal, isLocked, set } = useControl(item)
  const { label, min, max, step, unit = "" } = item
  const shown = `${number(value)} ${unit}`
  return (
    <Card title={label} state={<span>{pending} {shown}</span>}>
      <input type="range" aria-label={label} aria-valuetext={shown} min={min} max={max} step={step ?? "any"} value={value ?? min}
        disabled={isLocked} onInput={(event) => set(event.currentTarget.valueAsNumber)} />
      <Refusal text={refusal} />
    </Card>
  )
}

function Choice({ item }) {
  const { value, pending, refusal, isLocked, set } = useControl(item)
  const id = useId()
  return (
    <Card title={<label for={id}>{item.label}</label>} state={pending}>
      <select id={id} disabled={isLocked} value={item.options.indexOf(value)} onChange={(event) => set(item.options[event.currentTarget.value])}>
        {item.options.map((option, k) => <option key={option} value={k}>{text(option)}</option>)}
      </select>
      <Refusal text={refusal} />
    </Card>
  )
}

/** A field with a draft, which a button or Enter sends. What the device has meanwhile is told, and does not replace the draft. */
function Field({ item }) {
  const { value, pending, refusal, isLocked, set } = useControl(item)
  const [draft, setDraft] = useState(null)
  const id = useId()
  const shown = value === undefined || value === null ? "" : String(value)
  const isChanged = draft !== null && draft !== shown
  const save = (event) => {
    event.preventDefault()
    if (isChanged) set(typed(item.kind, draft))
    setDraft(null)
  }
  return (
    <Card title={<label for={id}>{item.label}</label>} state={pending}>
      <form onSubmit={save}>
        <input id={id} value={draft ?? shown} disabled={isLocked} inputMode={item.kind === "number" ? "decimal" : "text"} autocomplete="off"
          aria-describedby={`${id}-hint ${id}-no`} aria-invalid={!!refusal} onInput={(event) => setDraft(event.currentTarget.value)} />
        <p id={`${id}-hint`} class="soft small">{hint(item)}</p>
        {isChanged && (
          <div class="row">
            <span class="soft small">The device has: {shown || "nothing"}</span>
            <span><button type="button" class="plain" onClick={() => setDraft(null)}>Discard</button> <button>Save</button></span>
          </div>
        )}
      </form>
      <Refusal id={`${id}-no`} text={refusal} />
    </Card>
  )
}

const KINDS = {
  value: Value, gauge: GaugeCard, switch: Switch, slider: Slider, choice: Choice, number: Field, text: Field,
  action: Action, table: Table, log: Log,
}

/** The widgets of a page, in their groups. */
export function Widgets({ items }) {
  const groups = [...new Set(items.map((item) => item.group))]
  return groups.map((group) => (
    <section key={group} aria-label={group || undefined}>
      {group && <h2>{group}</h2>}
      <div class="cards">
        {items.filter((item) => item.group === group).map((item) => {
          const Kind = KINDS[item.kind] || Value
          return <Kind key={item.id} item={item} />
        })}
      </div>
    </section>
  ))
}
