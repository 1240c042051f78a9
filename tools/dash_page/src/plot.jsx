// A history as a plot. What draws it is a file of its own, which is loaded when the first plot is shown.
import { useEffect, useRef, useState } from "preact/hooks"
import { device } from "./device.js"
import { duration, number } from "./format.js"

let loading
const load = () => (loading ||= import(PLOT_FILE))

/** [times in seconds, values]: what the device has kept, then a sample of the value each `every_ms`, as the device takes them. */
function useHistory({ id, history, every_ms: every }) {
  const [points, show] = useState()
  const { fulls } = device
  useEffect(() => {
    let isOld = false, timer
    const fetch = async () => {
      clearInterval(timer)
      const { age_ms, history: values } = await device.ask({ get: "history", id }).catch(() => ({}))
      if (isOld || !values) return
      const last = Date.now() - age_ms
      show([values.map((_, k) => (last - (values.length - 1 - k) * every) / 1000), values])
      timer = setInterval(sample, every)
    }
    const sample = () => {
      if (device.link.is !== "live" || document.hidden) return
      const { value, error } = device.widgets.get(id) || {}
      const add = (list, one) => [...list, one].slice(-history)
      show(([times, values]) => [add(times, Date.now() / 1000), add(values, typeof value === "number" && !error ? value : null)])
    }
    const wake = () => { if (!document.hidden) fetch() }
    fetch()
    document.addEventListener("visibilitychange", wake)
    return () => { isOld = true; clearInterval(timer); document.removeEventListener("visibilitychange", wake) }
  }, [id, every, history, fulls])
  return points
}

/** What a plot shows, in words: for those who don't see it. */
function words(label, [times, values], unit) {
  const known = values.filter((value) => value !== null)
  if (!known.length) return `${label}: no values yet`
  const span = duration(times.at(-1) - times[0])
  return `${label}, the last ${span}: lowest ${number(Math.min(...known))}, highest ${number(Math.max(...known))}, now ${number(known.at(-1))} ${unit}`
}

export function Plot({ item }) {
  const { label, unit = "" } = item
  const points = useHistory(item)
  const place = useRef()
  const drawing = useRef()
  const [isFailed, fail] = useState(false)
  const isThere = !!points
  useEffect(() => {
    let isGone = false
    if (isThere) {
      load().then(({ draw }) => {
        if (!isGone) drawing.current = draw(place.current, label, place.current.points)
      }, () => { loading = undefined; fail(true) })
    }
    return () => { isGone = true; drawing.current?.end(); drawing.current = undefined }
  }, [label, isThere])
  useEffect(() => {
    if (place.current) place.current.points = points
    drawing.current?.show(points)
  }, [points])
  if (!isThere) return <div class="plot" />
  return isFailed ? <p class="small soft">{words(label, points, unit)}</p> : <div class="plot" ref={place} role="img" aria-label={words(label, points, unit)} />
}
