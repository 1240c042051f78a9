// The files of the device's folder: a list, upload, download, deleting.
import { useEffect, useState } from "preact/hooks"
import { api, send } from "./api.js"
import { device } from "./device.js"
import { bytes } from "./format.js"
import { Asking, Card, Progress, Refusal } from "./parts.jsx"

const path = (name) => "files/" + encodeURIComponent(name)

export function Files() {
  const [found, show] = useState()
  const [error, fail] = useState("")
  const [sending, setSending] = useState() // {name, percent}
  const [done, tell] = useState("")
  const { fulls } = device
  const load = () => api("GET", "files").then(show, (er) => fail(er.message))
  useEffect(() => { load() }, [fulls])
  const attempt = async (work) => {
    fail("")
    tell("")
    try {
      await work()
    } catch (er) {
      fail(er.message)
    }
    setSending()
    await load()
  }
  const upload = (event) => {
    const input = event.currentTarget
    const files = [...input.files]
    attempt(async () => {
      for (const file of files) {
        setSending({ name: file.name, percent: 0 })
        await send("PUT", path(file.name), file, "application/octet-stream", (percent) => setSending({ name: file.name, percent }))
        tell(`${file.name} is on the device.`)
      }
    }).then(() => { input.value = "" })
  }
  const remove = (name) => attempt(async () => { await api("DELETE", path(name)); tell(`${name} is deleted.`) })
  const mayWrite = device.may("operate")
  return (
    <Card title="Files" size="broad" state={<span class="soft small">{found?.free !== undefined && found.free !== null && `${bytes(found.free)} free`}</span>}>
      {mayWrite && <label>Upload <input type="file" multiple disabled={!!sending} onChange={upload} /></label>}
      {sending && <Progress label={`Upload of ${sending.name}`} percent={sending.percent} text={sending.name} />}
      <p role="status" class={done ? "good" : "hidden"}>{done}</p>
      <Refusal text={error} />
      <ul class="list">
        {found?.files.map(({ name, size }) => (
          <li key={name} class="row">
            <a href={"/api/" + path(name)} download={name}>{name}</a>
            <span class="row">
              <span class="soft">{bytes(size)}</span>
              {mayWrite && <Asking class="plain" aria-label={`Delete ${name}`} question={{ title: `Delete ${name}?`, yes: "Delete", danger: true }} onClick={() => remove(name)}>Delete</Asking>}
            </span>
          </li>
        ))}
      </ul>
      {found && !found.files.length && <p class="soft">There are no files yet.</p>}
    </Card>
  )
}
