// A log: what the device says, with levels.
import { useState } from "preact/hooks"
import { moment } from "./format.js"
import { Card } from "./parts.jsx"

const LEVELS = ["debug", "info", "warning", "error"]
const COLOURS = ["soft", "soft", "is-warn", "is-alarm"]

export function Log({ item }) {
  const [least, setLeast] = useState(0)
  const shown = item.lines.filter(([, , level]) => LEVELS.indexOf(level) >= least).reverse()
  const filter = (
    <select class="narrow" aria-label={`${item.label}: show`} value={least} onChange={(event) => setLeast(+event.currentTarget.value)}>
      {LEVELS.map((name, k) => <option key={name} value={k}>{k ? `${name}${k < 3 ? " and worse" : ""}` : "all"}</option>)}
    </select>
  )
  return (
    <Card title={item.label} size="broad" state={filter}>
      <ol class="log" role="log" tabIndex={0} aria-label={item.label}>
        {shown.map(([n, at, level, line]) => (
          <li key={n}>
            {at && <><time class="soft">{moment(at)}</time>{" "}</>}<span class={COLOURS[LEVELS.indexOf(level)]}>{level}</span> {line}
          </li>
        ))}
        {!shown.length && <li class="soft">nothing yet</li>}
      </ol>
    </Card>
  )
}
