// Follows the server's event stream. The stream catches up by `after`, so a break in the line loses nothing.
const REFRESH_MS = 1000
const BUSY_MS = 100

// Whether the page is at work. It may be about to leave for another one, and Streamlit blanks the new page when a
// refresh of the old one crosses the change; so a refresh waits, and is forgotten when the page has gone.
function busy() {
  const app = document.querySelector("[data-testid='stApp']")
  return app instanceof HTMLElement && app.dataset.testScriptState === "running"
}

/** @typedef {{ offline: HTMLElement, take(entries: Entry[]): void, send: Act, inSight?: () => { seq: number, returned: boolean } | null }} Follower */

class Live {
  /** @type {string | null} */
  url = null
  /** @type {string | null} */
  asked = null
  /** @type {EventSource | null} */
  source = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  later = undefined
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  retry = undefined

  /** @param {Follower} timeline */
  constructor(timeline) {
    this.timeline = timeline
    this.seq = 0
    this.pause = 1000
    this.refreshed = 0
  }

  /** @param {string | null} url @param {number} seq */
  use(url, seq) {
    this.seq = Math.max(this.seq, seq)
    const fresh = url !== this.url
    this.url = url
    if (!url) return this.close()
    if (this.source && this.source.readyState !== EventSource.CLOSED) return undefined
    if (fresh) this.open()
    return undefined
  }

  open() {
    this.close()
    if (!this.url) return
    const source = new EventSource(`${this.url}${this.url.includes("?") ? "&" : "?"}after=${this.seq}`)
    this.source = source
    source.onopen = () => {
      this.pause = 1000
      this.timeline.offline.hidden = true
    }
    source.addEventListener("entries", (event) => this.entries(JSON.parse(event.data)))
    source.addEventListener("tick", () => this.refresh())
    source.addEventListener("expired", () => this.renew(0))
    source.onerror = () => this.broken(source)
  }

  /** @param {Entry[]} list */
  entries(list) {
    for (const entry of list) this.seq = Math.max(this.seq, entry.seq ?? 0)
    this.timeline.take(list)
    // What an answer says while it comes changes nothing but its own row.
    if (list.some((entry) => entry.type !== "claude_answer" || entry.status !== "in_progress")) this.refresh()
  }

  // A refused stream (the token ran out, the server restarts) needs a new address from the page; one that only broke
  // off is opened again from here, since the browser's own retry would ask for the old `after`.
  /** @param {EventSource} source */
  broken(source) {
    if (source !== this.source) return
    const refused = source.readyState === EventSource.CLOSED
    this.close()
    this.timeline.offline.hidden = this.pause < 4000
    if (refused) this.renew(this.pause === 1000 ? 0 : this.pause)
    else this.retry = setTimeout(() => this.open(), this.pause)
    this.pause = Math.min(30000, this.pause * 2)
  }

  /** @param {number} delay */
  renew(delay) {
    if (this.asked === this.url) return
    this.close()
    this.asked = this.url
    this.retry = setTimeout(() => this.timeline.send("renew", { at: Date.now() }), delay)
  }

  // At most once a second, and always once after the last event.
  refresh(least = 0) {
    if (this.later) return
    const wait = Math.max(least, this.refreshed + REFRESH_MS - Date.now())
    this.later = setTimeout(() => {
      this.later = undefined
      if (busy()) return this.refresh(BUSY_MS)
      this.refreshed = Date.now()
      this.timeline.send("refresh", { at: Date.now(), ...this.timeline.inSight?.() })
      return undefined
    }, wait)
  }

  close() {
    clearTimeout(this.retry)
    clearTimeout(this.later)
    this.later = undefined
    this.source?.close()
    this.source = null
  }
}
