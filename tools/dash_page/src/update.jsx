// Updates: a bundle is sent, the device restarts, and the new version shows that it runs. docs/updates.md has the requests.
import { useEffect, useRef, useState } from "preact/hooks"
import { api, send } from "./api.js"
import { device } from "./device.js"
import { Asking, Card, Progress, Refusal } from "./parts.jsx"

const ASK_MS = 1000
const STEPS = { receive: "The bundle is coming.", check: "The signature is checked.", clear: "Room is made in flash.", write: "The files are written." }

const version = (n) => (n ? `version ${n}` : "what the cable has brought")

export function Update() {
  const [state, show] = useState()
  const [percent, setPercent] = useState()
  const [error, fail] = useState("")
  const [wanted, want] = useState(0) // the version that the restart is to begin
  const newest = useRef(0)
  const isBusy = percent !== undefined
  // (An older state may arrive after a newer one.)
  const take = async (request) => {
    const n = ++newest.current
    const found = await request
    if (n === newest.current) show(found)
    return found
  }
  const load = () => take(api("GET", "update"))
  useEffect(() => {
    let timer
    const look = () => load().then((found) => {
      if (wanted && (found.version === wanted || found.error)) want(0)
    }, (er) => { if (!wanted) fail(er.message) }).finally(() => { timer = setTimeout(look, ASK_MS) })
    if (wanted || isBusy || state?.trial) timer = setTimeout(look, ASK_MS)
    else if (!state) load().catch((er) => fail(er.message))
    return () => clearTimeout(timer)
  }, [wanted, isBusy, state?.trial])
  const attempt = async (work) => {
    fail("")
    try {
      await work()
    } catch (er) {
      fail(er.message)
      load().catch(() => {})
    }
  }
  const upload = (event) => attempt(async () => {
    const input = event.currentTarget
    setPercent(0)
    try {
      await send("POST", "update", input.files[0], "application/octet-stream", setPercent)
      await load()
    } finally {
      setPercent()
      input.value = ""
    }
  })
  const restart = () => attempt(async () => { const { next } = state; await api("POST", "update/restart"); want(next) })
  const good = () => attempt(() => take(api("POST", "update/good")))
  if (!device.may("admin")) return <Card title="Update"><p>Updates need a user of the level admin.</p></Card>
  return (
    <Card title="Update">
      {state && <p>The device runs {version(state.version)}{state.board && `, and takes bundles for ${state.board}`}.</p>}
      {state && !state.board && <p class="note">This device has no key, so it takes no updates.</p>}
      <label>Bundle <input type="file" disabled={isBusy || !state?.board || !!wanted} onChange={upload} /></label>
      {isBusy && <Progress label="Upload of the bundle" percent={percent} text={STEPS[state?.step]} />}
      {state?.next > 0 && !wanted && (
        <>
          <p class="good" role="status">Version {state.next} is in flash and right. The next restart begins it.</p>
          <Asking class="wide" question={{ title: "Restart the device?", text: "The page comes back by itself.", yes: "Restart" }} onClick={restart}>Restart</Asking>
        </>
      )}
      {wanted > 0 && <p class="note" role="status">The device restarts with version {wanted} …</p>}
      {state?.trial && !wanted && (
        <>
          <p class="note" role="status">Version {state.version} is on trial: the device keeps it when it has run for a minute, and else returns to the one before.</p>
          <button type="button" class="wide" onClick={good}>Keep it now</button>
        </>
      )}
      <Refusal text={error || state?.error} />
    </Card>
  )
}
