// A table, a page of rows at a time.
import { useEffect, useState } from "preact/hooks"
import { device } from "./device.js"
import { text } from "./format.js"
import { Card, Refusal } from "./parts.jsx"

const ROWS = 10

export function Table({ item }) {
  const [at, setAt] = useState(0)
  const [shown, show] = useState({ rows: [], total: 0 })
  const [error, fail] = useState("")
  const { id, label, columns, value } = item
  const { fulls } = device
  useEffect(() => {
    let isOld = false
    device.ask({ get: "rows", id, at, n: ROWS }).then(
      (answer) => { if (!isOld) { show(answer); fail("") } },
      (er) => { if (!isOld) fail(er.message) },
    )
    return () => { isOld = true }
  }, [id, at, value, fulls])
  const last = at + shown.rows.length
  return (
    <Card title={label} size="broad" state={<span class="soft small" role="status">{shown.rows.length ? `${at + 1} to ${last} of ${shown.total}` : "no rows"}</span>}>
      <div class="scroll" tabIndex={0} role="region" aria-label={`${label}, rows`}>
        <table>
          <thead><tr>{columns.map((name) => <th key={name} scope="col">{name}</th>)}</tr></thead>
          <tbody>
            {shown.rows.map((row, k) => <tr key={at + k}>{row.map((cell, n) => <td key={n}>{text(cell)}</td>)}</tr>)}
          </tbody>
        </table>
      </div>
      <Refusal text={error} />
      {(at > 0 || last < shown.total) && (
        <nav class="row" aria-label={`Pages of ${label}`}>
          <button type="button" class="plain" disabled={!at} onClick={() => setAt(Math.max(0, at - ROWS))}>Rows before</button>
          <button type="button" class="plain" disabled={last >= shown.total} onClick={() => setAt(at + ROWS)}>Rows after</button>
        </nav>
      )}
    </Card>
  )
}
