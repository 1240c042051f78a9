// Requests to the device, besides the WebSocket. What it refuses is an Error with its sentence and `status`.

let csrf

/** The token that the device wants from this session's scripts. */
export const useToken = (token) => { csrf = token }

function failure(status, body) {
  let sentence
  try {
    sentence = JSON.parse(body).error
  } catch {
    sentence = body.length < 200 ? body.trim() : ""
  }
  return Object.assign(new Error(sentence || `The device answers with status ${status}.`), { status })
}

/** api("PUT", "users/anna", {..}): the answer's JSON, or null. */
export function api(method, path, value) {
  return send(method, path, value === undefined ? undefined : JSON.stringify(value), "application/json")
}

/** Send a body, a text or a file. `onProgress(percent)` is called meanwhile. */
export function send(method, path, body, type, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest() // (fetch tells no progress of what is sent)
    request.open(method, "/api/" + path)
    if (body !== undefined) request.setRequestHeader("Content-Type", type)
    if (csrf) request.setRequestHeader("X-CSRF-Token", csrf)
    if (onProgress) request.upload.onprogress = ({ loaded, total }) => onProgress((100 * loaded) / total)
    request.onerror = () => reject(new Error("No answer. Is the device there?"))
    request.onload = () => {
      const { status, responseText } = request
      if (status >= 400) reject(failure(status, responseText))
      else {
        try {
          resolve(responseText ? JSON.parse(responseText) : null)
        } catch {
          resolve(responseText)
        }
      }
    }
    request.send(body)
  })
}

/** Who this page is to the device: {open, user, level, csrf}. */
export async function session() {
  const found = await api("GET", "session")
  useToken(found.csrf)
  return found
}
