// An action: a button, what it asks before, and how far it is.
import { useId, useState } from "preact/hooks"
import { device } from "./device.js"
import { text } from "./format.js"
import { Dialog, Progress, Refusal } from "./parts.jsx"
import { hint, localNow, typed } from "./field.js"

function ActionField({ field }) {
  const id = useId()
  const { name, kind, label, value, options, min, max, step } = field
  const described = { id, name, "aria-describedby": `${id}-hint` }
  return (
    <div>
      <label for={id}>{label}</label>
      {kind === "switch" ? <input {...described} type="checkbox" defaultChecked={value} />
        : kind === "choice" ? (
          <select {...described} defaultValue={options.indexOf(value)}>
            {options.map((option, k) => <option key={option} value={k}>{text(option)}</option>)}
          </select>
        )
          : kind === "slider" ? <input {...described} type="range" defaultValue={value} min={min} max={max} step={step ?? "any"} />
            : kind === "time" ? <input {...described} type="datetime-local" step="1" defaultValue={localNow()} required />
              : <input {...described} type={kind === "password" ? "password" : "text"} defaultValue={value} inputMode={kind === "number" ? "decimal" : "text"} autocomplete="off" />}
      <p id={`${id}-hint`} class="soft small">{["number", "text", "password"].includes(kind) ? hint(field) : ""}</p>
    </div>
  )
}

/** {name: value} of the fields in a form. */
function values(form, fields) {
  return Object.fromEntries(fields.map(({ name, kind, options }) => {
    const input = form.elements.namedItem(name)
    return [name, kind === "switch" ? input.checked : kind === "choice" ? options[input.value] : kind === "slider" ? input.valueAsNumber : typed(kind, input.value)]
  }))
}

export function Action({ item }) {
  const [isOpen, open] = useState(false)
  const { id, label, value, error, progress, confirm, cancel, fields = [] } = item
  const isRunning = progress != null
  const isAsking = confirm || fields.length > 0
  const run = (given) => device.tell(id, { run: given })
  const answer = (form) => { open(false); if (form) run(values(form, fields)) }
  return (
    <section class="card">
      <button type="button" class="wide" disabled={isRunning || !device.may(item.level)} onClick={() => (isAsking ? open(true) : run({}))}>{label}</button>
      {isRunning && <Progress label={label} percent={progress} />}
      {isRunning && cancel && <button type="button" class="plain wide" onClick={() => device.tell(id, { cancel: true })}>Cancel</button>}
      <p class={value ? "good" : "hidden"}>{value}</p>
      <Refusal text={device.refused.get(id) || error} />
      {isOpen && (
        <Dialog title={label} yes={label} onAnswer={answer}>
          {confirm && <p>{typeof confirm === "string" ? confirm : "Do this now?"}</p>}
          {fields.map((field) => <ActionField key={field.name} field={field} />)}
        </Dialog>
      )}
    </section>
  )
}
