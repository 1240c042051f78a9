// The page: its head with the pages' names, what is to be told about the device, and the page that is chosen.
import { render } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { Account, SignIn } from "./account.jsx"
import { device } from "./device.js"
import { Files } from "./files.jsx"
import { clock, duration } from "./format.js"
import { Update } from "./update.jsx"
import { Widgets } from "./widgets.jsx"

const ACCOUNT = ":account"

/** [{name, path, show()}]: the program's own pages, then those that come with the device. */
function pages() {
  const { state } = device
  const widgets = [...device.widgets.values()]
  const own = [...new Set(widgets.map(({ page }) => page))].map((page) => ({
    name: page || "Home", path: page, show: () => <Widgets items={widgets.filter((one) => one.page === page)} />,
  }))
  return [
    ...own,
    ...(state.files ? [{ name: "Files", path: ":files", show: () => <Files /> }] : []),
    ...(state.update ? [{ name: "Update", path: ":update", show: () => <Update /> }] : []),
    { name: state.user || (state.open ? "Users" : "Log in"), path: ACCOUNT, show: () => <Account /> },
  ]
}

const link = (path) => "#/" + encodeURIComponent(path)
const chosen = () => decodeURIComponent(location.hash.slice(2))

/** The device is away: since when, and when it is tried next. */
function Away() {
  const [, tick] = useState(0)
  const { since, next, isFull } = device.link
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000)
    return () => clearInterval(timer)
  }, [])
  const wait = (next - Date.now()) / 1000
  return (
    <div class="note row">
      <span>
        <span role="alert">{isFull ? "The device has no place for another page: close one elsewhere." : `The device is away since ${clock(since)}.`}</span>{" "}
        <span aria-hidden="true">{wait >= 1 ? `Next try in ${duration(wait)}.` : "Trying …"}</span>
      </span>
      <button type="button" onClick={() => device.retry()}>Try now</button>
    </div>
  )
}

function Nav({ all, page }) {
  const nav = useRef()
  useEffect(() => nav.current.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "nearest" }), [page.path])
  return (
    <nav aria-label="Pages" ref={nav}>
      <ul>
        {all.map((one) => <li key={one.path}><a href={link(one.path)} aria-current={one === page ? "page" : undefined}>{one.name}</a></li>)}
      </ul>
    </nav>
  )
}

function App() {
  const [, update] = useState(0)
  const [path, setPath] = useState(chosen)
  const main = useRef()
  useEffect(() => {
    device.onChange = () => update((n) => n + 1)
    const move = () => { setPath(chosen()); main.current.focus(); scrollTo(0, 0) }
    addEventListener("hashchange", move)
    device.start()
  }, [])
  const { is } = device.link
  const isKnown = device.widgets.size > 0 || device.fulls > 0
  const all = pages()
  const page = all.find((one) => one.path === path) || all[0]
  const title = device.state.title || "Dashboard"
  useEffect(() => { document.title = isKnown && is !== "sign-in" ? `${page.name} – ${title}` : title })
  return (
    <>
      <header>
        <div><h1>{title}</h1>{isKnown && is !== "sign-in" && <Nav all={all} page={page} />}</div>
      </header>
      <main ref={main} tabIndex={-1}>
        {is === "away" && <Away />}
        {is === "sign-in" ? <SignIn /> : isKnown ? (
          <>
            {device.state.open && path !== ACCOUNT && (
              <p class="note">There are no users: everybody in this network may do everything. <a href={link(ACCOUNT)}>Set the first password</a></p>
            )}
            {page.show()}
          </>
        ) : is === "starting" && <p class="soft">Loading …</p>}
      </main>
      <footer><a href={LICENCES_FILE}>Licences</a></footer>
      <p class="hidden" aria-live="polite">{device.said}</p>
    </>
  )
}

render(<App />, document.getElementById("page"))
