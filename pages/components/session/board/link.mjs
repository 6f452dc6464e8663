// The board's way to the server: scripts and candles by signed addresses, judgements, and the stream of changes.
import { PostError } from "./outbox.mjs"

/** @typedef {import("./core.mjs").Op} Op */

export class Link {
  /** @type {EventSource | null} */
  source = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  retry = undefined
  pause = 1000

  /** @param {{ token: () => string, renew: () => void }} options */
  constructor({ token, renew }) {
    this.token = token
    this.renew = renew
  }

  /** @param {string} path */
  url(path) {
    return new URL(path, document.baseURI).href
  }

  /** @param {string} path @returns {Promise<Response>} */
  async get(path) {
    const answer = await fetch(this.url(path), { headers: { Authorization: `Bearer ${this.token()}` } })
    if (!answer.ok) throw new PostError(await answer.text(), answer.status === 401 || answer.status === 403)
    return answer
  }

  /** What everybody judged up to now. @returns {Promise<StateJson>} */
  async state() {
    return (await this.get("board/state")).json()
  }

  /** Keeps a file for a judgement. @param {File} file @returns {Promise<FileJson>} */
  async keep(file) {
    const answer = await fetch(this.url(`board/files/${encodeURIComponent(file.name || "picture.png")}`), {
      method: "POST", headers: { Authorization: `Bearer ${this.token()}`, "Content-Type": "application/octet-stream" }, body: file,
    })
    if (!answer.ok) throw new Error(await answer.text())
    return answer.json()
  }

  /** @param {Op[]} ops @param {{ leaving: boolean }} options @returns {Promise<AnswerJson>} */
  async post(ops, { leaving }) {
    /** @type {Response} */
    let answer
    try {
      answer = await fetch(this.url("board/judgements"), {
        method: "POST", headers: { Authorization: `Bearer ${this.token()}`, "Content-Type": "application/json" },
        body: JSON.stringify({ ops: ops.map(({ letter: _, missed: _missed, ...op }) => op) }),
        keepalive: leaving, ...(leaving ? {} : { signal: AbortSignal.timeout(60000) }),
      })
    } catch {
      throw new PostError("No connection")
    }
    if (answer.ok) return answer.json()
    const renew = answer.status === 401 || answer.status === 403
    if (renew) this.renew()
    throw new PostError(await answer.text(), renew)
  }

  /** Calls `changed` whenever the session may have changed, and `present` with who else is there. @param {() => void} changed @param {(names: string[]) => void} present */
  follow(changed, present) {
    this.source?.close()
    const source = new EventSource(this.url(`board/events?token=${encodeURIComponent(this.token())}`))
    this.source = source
    source.addEventListener("changed", () => changed())
    source.addEventListener("present", (event) => present(JSON.parse(event.data)))
    source.addEventListener("expired", () => this.renew())
    source.onopen = () => {
      if (this.pause > 1000) changed() // something may have passed unheard
      this.pause = 1000
    }
    source.onerror = () => {
      if (source !== this.source) return
      source.close()
      this.pause = Math.min(30000, this.pause * 2)
      this.retry = setTimeout(() => this.follow(changed, present), this.pause)
    }
  }

  close() {
    clearTimeout(this.retry)
    this.source?.close()
    this.source = null
  }
}

/**
 * A name for this board that no other tab has, held by a lock for as long as the tab lives.
 * @param {string} client @returns {Promise<() => void>} lets go of it
 */
export function hold(client) {
  return new Promise((held) => {
    navigator.locks.request(`board-${client}`, () => new Promise((release) => held(() => release(undefined))))
  })
}

/** Whether the tab that held this name is gone. @param {string} client @returns {Promise<boolean>} */
export function isGone(client) {
  return new Promise((answer) => {
    navigator.locks.request(`board-${client}`, { ifAvailable: true }, (lock) => answer(lock !== null))
  })
}
