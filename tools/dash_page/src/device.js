// The device as this page knows it. One WebSocket brings the full state, then what changes; docs/dash.md describes the messages.
//
// What is asked for here is shown at once (`asked`), until the device answers. Then its own value counts, whatever that is.
import { session, useToken } from "./api.js"
import { clock, text } from "./format.js"
import { levelOf } from "./level.js"

const CONNECT_MS = 8000
const QUIET_MS = 12000 // after which the device is asked whether it is there
const ANSWER_MS = 6000
const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15000] // before the tries to connect
const KEPT_LINES = 200
const SIGN_IN = 4401 // the code with which the device closes
const LEVELS = ["", "read", "operate", "admin"]
const AWAY = "The device is away. Nothing was changed."

const asked = new Map() // id: {value, isNewer}
const refused = new Map() // id: sentence
const waiting = new Map() // number of a message: {resolve, reject}

let socket, count = 0, tries = 0, retryTimer, quietTimer, incoming

export const device = {
  link: { is: "starting" }, // or live, away, sign-in
  state: {}, // title, user, level ..
  widgets: new Map(), // id: widget
  seq: -1,
  fulls: 0, // how often the full state has come
  said: "", // for screen readers
  asked, refused,
  onChange() {},

  may: (level) => LEVELS.indexOf(device.state.level) >= LEVELS.indexOf(level),

  start() {
    addEventListener("online", () => device.retry())
    addEventListener("visibilitychange", () => { if (!document.hidden) device.retry() })
    connect()
  },

  /** Connect now, if the device is away. */
  retry() {
    if (device.link.is === "away" && device.link.next) connect()
  },

  /** Have the device answer a message. Rejects with its sentence. */
  ask(message) {
    if (device.link.is !== "live") return Promise.reject(new Error(AWAY))
    return new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject })
      socket.send(JSON.stringify({ ...message, re: count }))
    })
  },

  /** Want this value. While one is under way, only the newest of the others follows it. */
  set(id, value) {
    refused.delete(id)
    const one = asked.get(id)
    if (one) Object.assign(one, { value, isNewer: true })
    else {
      asked.set(id, { value })
      follow(id, asked.get(id))
    }
    device.onChange()
  },

  /** Do something with a widget that has no value, such as {run: {}}: its refusal is shown. */
  async tell(id, message) {
    refused.delete(id)
    try {
      await device.ask({ id, ...message })
    } catch (error) {
      refused.set(id, error.message)
    }
    device.onChange()
  },

  /** The user has logged in or out: the device tells the state anew. */
  restart() {
    drop()
    connect()
  },
}

async function follow(id, one) {
  do {
    one.isNewer = false
    const { value } = one
    try {
      const answer = await device.ask({ id, value })
      // What the device tells of this widget from now on is at least as new.
      merge(id, { value: "value" in answer ? answer.value : value })
    } catch (error) {
      if (!one.isNewer) refused.set(id, error.message)
    }
  } while (one.isNewer)
  asked.delete(id)
  device.onChange()
}

// --- the connection

function connect() {
  clearTimeout(retryTimer)
  device.link = { ...device.link, next: 0 }
  const one = new WebSocket(new URL("/api/live", location).href.replace(/^http/, "ws"))
  const slow = setTimeout(() => one.close(), CONNECT_MS)
  let isOpen = false
  socket = one
  one.onopen = () => { isOpen = true; clearTimeout(slow); listen() }
  one.onmessage = ({ data }) => { if (socket === one) { listen(); receive(JSON.parse(data)) } }
  one.onclose = ({ code }) => {
    clearTimeout(slow)
    if (socket !== one) return
    drop()
    if (isOpen && code !== SIGN_IN) away()
    else session().then(({ level }) => (level ? away(!isOpen) : signIn()), () => away())
  }
  device.onChange()
}

/** Something has come. If nothing does for long, ask; and if there is no answer, the device is away. */
function listen() {
  clearTimeout(quietTimer)
  quietTimer = setTimeout(() => {
    if (device.link.is === "live") device.ask({}).catch(() => {})
    quietTimer = setTimeout(() => { drop(); away() }, ANSWER_MS)
  }, QUIET_MS)
  device.link.heard = new Date()
}

function drop() {
  clearTimeout(quietTimer)
  const old = socket
  socket = undefined
  old?.close()
  for (const { reject } of waiting.values()) reject(new Error(AWAY))
  waiting.clear()
}

/** Try again later. `isFull`: the device answers, but has no place for another page. */
function away(isFull = false) {
  const wait = WAITS_MS[Math.min(tries++, WAITS_MS.length - 1)] * (0.75 + Math.random() / 2)
  device.link = { is: "away", isFull, since: device.link.since || device.link.heard || new Date(), next: Date.now() + wait }
  retryTimer = setTimeout(connect, wait)
  device.onChange()
}

function signIn() {
  device.link = { is: "sign-in" }
  device.widgets = new Map()
  device.state = { title: device.state.title }
  device.onChange()
}

// --- the messages

function receive(message) {
  if ("re" in message) {
    const one = waiting.get(message.re)
    waiting.delete(message.re)
    if (message.error) {
      if ("value" in message) merge(message.id, { value: message.value })
      one?.reject(new Error(message.error))
    } else one?.resolve(message)
  } else if (message.widgets) {
    takeState(message)
  } else if (message.changes) {
    if (message.since !== device.seq) {
      // Something is missing: a state that is under way brings it, or a new one does.
      if (!incoming) socket.send('{"get": "state"}')
      return
    }
    device.seq = message.seq
    takeChanges(message.changes)
  }
  device.onChange()
}

/** The full state comes in pieces, and counts when it is whole. */
function takeState(message) {
  if (message.state) incoming = { state: message.state, widgets: new Map() }
  if (!incoming) return
  for (const widget of message.widgets) incoming.widgets.set(widget.id, widget)
  if (!message.whole) return
  const { state, widgets } = incoming
  const isSame = state.boot === device.state.boot
  for (const widget of widgets.values()) {
    if (widget.kind === "log" && isSame) widget.lines = lines(device.widgets.get(widget.id)?.lines, widget.lines)
  }
  const back = device.link.since
  Object.assign(device, { state, widgets, seq: message.seq, link: { is: "live", heard: new Date() }, fulls: device.fulls + 1 })
  incoming = undefined
  tries = 0
  useToken(state.csrf)
  refused.clear()
  if (back) device.said = `The device is back. It was away since ${clock(back)}.`
}

function takeChanges(changes) {
  const news = []
  for (const [id, change] of Object.entries(changes)) {
    const old = device.widgets.get(id)
    const now = merge(id, { error: undefined, progress: undefined, ...change })
    if (now && !asked.has(id)) news.push(told(old, now))
  }
  const all = news.filter(Boolean).join(". ")
  if (all) device.said = all
}

function merge(id, change) {
  const old = device.widgets.get(id)
  if (!old) return
  const now = { ...old, ...change }
  if (change.lines) now.lines = lines(old.lines, change.lines)
  device.widgets.set(id, now)
  return now
}

function lines(old = [], more) {
  const known = new Set(old.map(([n]) => n))
  return [...old, ...more.filter(([n]) => !known.has(n))].slice(-KEPT_LINES)
}

/** What a screen reader says of a change: of numbers only that they pass a threshold. */
function told(old, now) {
  if (now.error && now.error !== old.error) return `${now.label}: ${now.error}`
  if (now.kind === "action") return old.progress != null && now.progress == null ? `${now.label}: ${now.value || "done"}` : ""
  if (now.kind === "gauge" || (now.kind === "value" && typeof now.value === "number")) {
    const level = levelOf(now.value, now)
    return level !== levelOf(old.value, old) ? `${now.label}: ${text(now.value)} ${now.unit || ""}, ${level || "normal"}` : ""
  }
  return now.kind === "log" || now.kind === "table" || now.value === old.value ? "" : `${now.label}: ${text(now.value)}`
}
