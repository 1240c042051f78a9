// Who uses the page: logging in and out, the first password, and the users.
import { useEffect, useState } from "preact/hooks"
import { api, useToken } from "./api.js"
import { device } from "./device.js"
import { Asking, Card, Form, Refusal } from "./parts.jsx"

const LEVELS = ["read", "operate", "admin"]
const WHAT = { read: "sees all", operate: "sees all, and uses switches and actions", admin: "may do everything" }

const Input = ({ label, ...more }) => <label>{label} <input required {...more} /></label>
const Name = () => <Input label="Name" name="user" autocomplete="username" autocapitalize="none" spellcheck={false} maxLength="32" />
const Password = ({ label = "Password", name = "password", isNew }) => (
  <Input label={label} name={name} type="password" autocomplete={isNew ? "new-password" : "current-password"} minLength={isNew ? 8 : undefined} maxLength="64" />
)
const Level = () => (
  <label>Level <select name="level">{LEVELS.map((level) => <option key={level} value={level}>{level}: {WHAT[level]}</option>)}</select></label>
)
const path = (name) => "users/" + encodeURIComponent(name)

export function SignIn() {
  const enter = async (given) => {
    useToken((await api("POST", "login", given)).csrf)
    device.restart()
  }
  return <Card title="Log in"><Form send="Log in" onSend={enter}><Name /><Password /></Form></Card>
}

function FirstPassword() {
  const begin = async ({ user, password }) => {
    useToken((await api("PUT", path(user), { password })).csrf)
    device.restart()
  }
  return (
    <Card title="The first password">
      <p>There are no users yet, so everybody in this network may do everything. The first user is an admin.</p>
      <Form send="Set the password" onSend={begin}><Name /><Password isNew /></Form>
    </Card>
  )
}

function Own() {
  const { user } = device.state
  const [error, fail] = useState("")
  const leave = async (everywhere) => {
    try {
      await api("POST", "logout", { everywhere })
      device.restart()
    } catch (er) {
      fail(er.message)
    }
  }
  const change = async ({ old, password }) => {
    await api("PUT", path(user), { old, password })
    return "The password is changed."
  }
  return (
    <>
      <Card title={user}>
        <p>Your level is {device.state.level}: {WHAT[device.state.level]}.</p>
        <button type="button" class="wide" onClick={() => leave(false)}>Log out</button>
        <Asking class="plain wide" question={{ title: "Log out everywhere", text: "All browsers in which you are logged in are logged out, this one as well.", yes: "Log out" }}
          onClick={() => leave(true)}>Log out everywhere</Asking>
        <Refusal text={error} />
      </Card>
      <Card title="Your password">
        <Form send="Change the password" onSend={change}><Password label="Old password" name="old" /><Password label="New password" isNew /></Form>
      </Card>
    </>
  )
}

function Users() {
  const [users, show] = useState([])
  const [error, fail] = useState("")
  const load = () => api("GET", "users").then((found) => { show(found); fail("") }, (er) => fail(er.message))
  useEffect(() => { load() }, [])
  const change = (request) => request.then(load, (er) => { fail(er.message); return load().then(() => fail(er.message)) })
  const add = async ({ user, password, level }) => {
    await api("PUT", path(user), { password, level })
    await load()
    return `${user} may log in now.`
  }
  return (
    <>
      <Card title="Users">
        <ul class="list">
          {users.map(({ name, level }) => (
            <li key={name} class="row">
              <span>{name}</span>
              <span>
                <select class="narrow" aria-label={`Level of ${name}`} value={level} onChange={(event) => change(api("PUT", path(name), { level: event.currentTarget.value }))}>
                  {LEVELS.map((one) => <option key={one}>{one}</option>)}
                </select>{" "}
                <Asking class="plain" aria-label={`Delete ${name}`} question={{ title: `Delete the user ${name}?`, yes: "Delete", danger: true }}
                  onClick={() => change(api("DELETE", path(name)))}>Delete</Asking>
              </span>
            </li>
          ))}
        </ul>
        <Refusal text={error} />
      </Card>
      <Card title="New user">
        <Form send="Add" onSend={add}><Name /><Password isNew /><Level /></Form>
      </Card>
    </>
  )
}

export function Account() {
  const { open, user } = device.state
  return (
    <div class="cards">
      {open ? <FirstPassword /> : user ? <Own key={user} /> : <SignIn />}
      {user && device.may("admin") && <Users />}
    </div>
  )
}
