// Small parts that the widgets and the pages share.
import { useEffect, useId, useRef, useState } from "preact/hooks"

/** A card with a heading. `state`: what stands at the heading's right. `size`: "small-card", "broad" or nothing. */
export function Card({ title, state, size = "", children }) {
  const id = useId()
  return (
    <div role="group" class={`card ${size}`} aria-labelledby={id}>
      <div class="row"><h3 id={id}>{title}</h3>{state}</div>
      {children}
    </div>
  )
}

/** What the device says of the last change here: nothing, or a sentence. */
export function Refusal({ id, text }) {
  return <p id={id} role="alert" class={text ? "bad" : "hidden"}>{text}</p>
}

/** A modal question. `onAnswer(form)` if the answer is yes, with the form that the children are in; `onAnswer()` if it is no, as by Escape.
The focus returns to where it was. */
export function Dialog({ title, yes, danger, onAnswer, children }) {
  const dialog = useRef()
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    dialog.current.showModal()
    return () => before.focus()
  }, [])
  const cancel = (event) => { event.preventDefault(); onAnswer() }
  const submit = (event) => { event.preventDefault(); onAnswer(event.currentTarget) }
  return (
    <dialog ref={dialog} aria-labelledby={id} onCancel={cancel}>
      <form onSubmit={submit}>
        <h2 id={id}>{title}</h2>
        {children}
        <div class="row">
          <button class="plain" type="button" onClick={() => onAnswer()}>Cancel</button>
          <button class={danger ? "danger" : ""}>{yes}</button>
        </div>
      </form>
    </dialog>
  )
}

/** A button that asks first if `question` is given: question is {title, text, yes, danger}. */
export function Asking({ question, onClick, children, ...more }) {
  const [isOpen, open] = useState(false)
  const answer = (form) => { open(false); if (form) onClick() }
  return (
    <>
      <button type="button" {...more} onClick={() => (question ? open(true) : onClick())}>{children}</button>
      {isOpen && (
        <Dialog title={question.title} yes={question.yes} danger={question.danger} onAnswer={answer}>
          {question.text && <p>{question.text}</p>}
        </Dialog>
      )}
    </>
  )
}

/** A form that hands its fields on: onSend({name: value}) returns a promise; its error is shown, its text as well. */
export function Form({ send, onSend, children, wide = true }) {
  const [state, setState] = useState({})
  const submit = async (event) => {
    event.preventDefault()
    const form = event.currentTarget
    setState({ isBusy: true })
    try {
      setState({ good: await onSend(Object.fromEntries(new FormData(form))) })
      form.reset()
    } catch (error) {
      setState({ bad: error.message })
    }
  }
  return (
    <form onSubmit={submit}>
      {children}
      <button class={wide ? "wide" : ""} disabled={state.isBusy}>{send}</button>
      <Refusal text={state.bad} />
      <p role="status" class={state.good ? "good" : "hidden"}>{state.good}</p>
    </form>
  )
}

/** Progress of something that takes its time: percent from 0 to 100, or undefined while it is not known. */
export function Progress({ label, percent, text }) {
  return (
    <div>
      <progress aria-label={label} max="100" value={percent} />
      <p class="small" aria-hidden="true">{percent === undefined ? "" : `${Math.round(percent)} % `}{text}</p>
    </div>
  )
}
