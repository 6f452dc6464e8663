const CARD = new Set(["claude_started", "claude_phase_update", "claude_checkpoint", "claude_completed", "claude_failed"])
const QUIET_MS = 10000
const BEHIND_MS = 3000
// What a person or the app decided; the change of status that comes with it needs no row of its own.
const DECISIONS = new Set(["user_approved", "admin_verified", "review_returned", "approval_voided"])
const TOGETHER_MS = 2000
const SAID_MS = 5000  // after this, what was in sight is said again when the page has not taken note of it
const LISTED = 200  // corrections of a session that are listed when its card is opened
/** @typedef {Components["timeline"]} TimelineComponent */
/** @typedef {{ entry: Entry, text: string, revision: number }} Held */
/** @typedef {{ version: string, node: HTMLElement }} Drawn */
/** @typedef {{ bottom: boolean, key: string | undefined, offset: number, scroll: number }} Anchor */

/** @type {WeakMap<HTMLElement, Timeline>} */
const instances = new WeakMap()

// Entries to rows: executions and deploys gather their messages where the first of them stands.
/** @param {Entry[]} entries @param {Map<string, ExecutionJson>} runs */
function grouped(entries, runs) {
  /** @type {Group[]} */
  const groups = []
  /** @type {Map<string, Group>} */
  const cards = new Map()
  /** @type {Map<string, Group | undefined>} */
  const deploys = new Map()
  /** @type {Map<string, Group>} */
  const corrections = new Map()
  for (const [at, entry] of entries.entries()) {
    if (entry.type === "status_changed" && [entries[at + 1], entries[at - 1]].some((near) => near && DECISIONS.has(near.type) && together(near, entry))) continue
    const id = entry.execution?.id ?? ("execution_id" in entry.data ? entry.data.execution_id : "")
    const run = runs.get(id)
    if (run && CARD.has(entry.type)) {
      let card = cards.get(id)
      if (!card) {
        card = { key: `run:${id}`, make: executionRow, messages: [], run, at: entry.created_at }
        cards.set(id, card)
        groups.push(card)
      }
      card.messages.push(entry)
    } else if (entry.type.startsWith("deploy_")) {
      let open = deploys.get(id)
      if (!open || entry.type === "deploy_started" || entry.type === "deploy_retry") {
        open = { key: `deploy:${entry.id}`, make: deployRow, messages: [], at: entry.created_at }
        groups.push(open)
        deploys.set(id, entry.type === "deploy_retry" ? undefined : open)
      }
      open.messages.push(entry)
      if (entry.type === "deploy_success" || entry.type === "deploy_failed") deploys.delete(id)
    } else if (entry.type === "feedback_added" && entry.session) {
      let card = corrections.get(entry.session.id)
      if (!card) {
        card = { key: `corrections:${entry.id}`, make: correctionsRow, messages: [], at: entry.created_at }
        corrections.set(entry.session.id, card)
        groups.push(card)
      }
      card.messages.push(entry)
    } else groups.push({ key: entry.id, messages: [entry], make: single, at: entry.created_at })
  }
  return groups
}

/** @param {Entry} one @param {Entry} other */
const together = (one, other) => Math.abs(new Date(one.created_at).getTime() - new Date(other.created_at).getTime()) < TOGETHER_MS

/** A session's corrections as one card: how many of each verdict, and all of them when it is opened. @param {App} app @param {Group} group */
function correctionsRow(app, group) {
  const entries = /** @type {EntryOf<"feedback_added">[]} */ (group.messages)
  const newest = entries[entries.length - 1]
  if (entries.length === 1) return feedbackRow(app, newest)
  /** @type {Map<string, number>} */
  const tally = new Map()
  const people = new Set()
  for (const entry of entries) {
    const verdict = entry.feedback?.verdict ?? entry.data.verdict
    tally.set(verdict, (tally.get(verdict) ?? 0) + 1)
    people.add(first(entry.author) ?? "Someone")
  }
  const badges = [...tally].map(([verdict, n]) => { const { color, symbol, label } = look(app.looks.verdicts, verdict); return badge({ color, symbol, label: `${n} ${label.toLowerCase()}` }) })
  const session = newest.session
  const head = el("div", "head", el("span", "strong", count(entries.length, "correction")), ...badges, el("span", "stretch"), link(app, "session", session?.id, session?.name ?? "Session"))
  const list = () => el("div", "corrections", entries.slice(-LISTED).map((entry) => el("div", "correction", correctionHead(app, entry), entry.content && el("div", "said small", ...rich(app, entry.content)), files(entry))))
  const body = el("div", "card box", head, el("div", "muted small", `by ${[...people].slice(0, 3).join(", ")}${people.size > 3 ? " and others" : ""}`), ...folded(app, group.key, "Show them", list))
  return row(app, el("div", "lead", icon("edit_location_alt")), body, newest)
}

/** @param {App} app @param {Group} group */
function single(app, group) {
  const entry = group.messages[0]
  if (entry.type === "comment") return commentRow(app, entry)
  if (entry.type === "claude_answer") return answerRow(app, entry)
  if (entry.type === "feedback_added") return feedbackRow(app, entry)
  if (entry.type === "pattern_description_submitted") return describedRow(app, entry)
  return lineRow(app, entry)
}

// Puts the nodes in order and leaves those alone that stand where they belong: moving a row lays out all of them anew.
/** @param {HTMLElement} parent @param {HTMLElement[]} wanted */
function place(parent, wanted) {
  const kept = new Set(wanted)
  for (const node of /** @type {HTMLElement[]} */ ([...parent.children])) if (!kept.has(node)) node.remove()
  let at = /** @type {Node | null} */ (parent.firstChild)
  for (const node of wanted) {
    if (node === at) at = node.nextSibling
    else parent.insertBefore(node, at)
  }
}

class Timeline {
  /** @type {Map<string, Held>} */
  entries = new Map()
  /** @type {Map<string, { run: ExecutionJson, revision: number }>} */
  runs = new Map()
  /** @type {Map<string, Drawn>} */
  nodes = new Map()
  /** @type {Set<string> | null} */
  kinds = null
  /** @type {string | undefined} */
  scope = undefined
  unseen = 0
  revision = 0
  pinned = true
  dirty = true

  /** @param {HTMLElement} root @param {TimelineComponent} component */
  constructor(root, component) {
    this.scroller = need(root, ".scroller")
    this.rows = need(root, ".rows")
    this.older = need(root, ".older")
    this.pill = need(root, ".new")
    this.offline = need(root, ".offline")
    this.send = component.setTriggerValue
    this.empty = component.data.empty
    /** @type {App} */
    this.app = {
      opened: new Set(), clocks: [], looks: component.data.looks, viewer: component.data.viewer,
      mayAsk: component.data.may_ask,
      act: (name, value) => this.send(name, value), workspace: component.data.workspace,
    }
    this.pill.onclick = () => this.bottom()
    this.scroller.onscroll = () => { if (this.atBottom()) this.seen() }
    need(this.older, "button").onclick = () => this.send("older", { at: Date.now() })
    this.newer = need(root, ".newer")
    const [next, newest] = this.newer.querySelectorAll("button")
    next.onclick = () => this.send("newer", { at: Date.now() })
    newest.onclick = () => this.send("newest", { at: Date.now() })
    /** @type {string | null} */
    this.focus = null
    /** @type {number | null} */
    this.readTo = null
    /** How far the reader has read, as it is kept; null where the list does not reach the newest message. @type {number | null} */
    this.marked = null
    this.told = { seq: 0, at: 0 }
    this.away = document.visibilityState !== "visible"
    this.turned = () => this.visibility()
    document.addEventListener("visibilitychange", this.turned)
    /** The last message when the rest of the page was drawn. @type {number | null} */
    this.drawn = null
    this.born = Date.now()
    this.timer = setInterval(() => this.second(), 1000)
    this.watch = new ResizeObserver(() => { if (this.pinned) this.bottom() })
    this.watch.observe(this.scroller)
    this.live = new Live(this)
  }

  // A live run that falls silent raises no event, so the page looks after it from time to time. A page that was drawn
  // before the newest message is drawn again, whatever became of the first request for it.
  second() {
    this.fit()  // what stands above the list may have come after it
    for (const [, write] of this.app.clocks) write()
    const live = [...this.runs.values()].some(({ run }) => run.live)
    const behind = this.drawn !== null && this.drawn < this.live.seq
    const waited = Date.now() - Math.max(this.born, this.live.refreshed)
    if (this.live.url && ((live && waited > QUIET_MS) || (behind && waited > BEHIND_MS))) this.live.refresh()
  }

  reset() {
    this.entries = new Map()
    this.runs = new Map()
    this.nodes = new Map()
    this.unseen = 0
    this.revision = 0
    this.pinned = true
    this.dirty = true
    this.rows.replaceChildren()
  }

  /** @param {TimelineComponent} component */
  update(component) {
    const { data } = component
    this.send = component.setTriggerValue
    Object.assign(this.app, { looks: data.looks, viewer: data.viewer, mayAsk: data.may_ask })
    this.kinds = data.kinds ? new Set(data.kinds) : null
    this.empty = data.empty
    if (data.scope !== this.scope) this.reset()
    this.scope = data.scope
    const keep = this.anchor()
    this.scroller.style.height = data.height
    this.fit()
    this.older.hidden = !data.can_load_older
    this.newer.hidden = !data.can_load_newer
    this.app.workspace = data.workspace
    this.drawn = data.last_seq
    if (data.read_to !== this.readTo) this.dirty = true
    this.readTo = data.read_to
    const focus = data.focus !== this.focus ? data.focus : null
    this.focus = data.focus
    const newest = data.entries.length ? data.entries[data.entries.length - 1].seq : 0
    const sent = new Set(data.entries.map((e) => e.id))
    for (const [id, held] of this.entries) {
      if (!sent.has(id) && held.entry.seq <= newest) this.dirty = this.entries.delete(id) || this.dirty
    }
    this.take(data.entries, keep)
    if (focus) this.showAt(focus)
    this.live.use(data.live_url, Math.max(data.last_seq ?? 0, newest))
    this.marked = data.marked
    this.read()
  }

  visibility() {
    if (document.visibilityState === "visible") this.read()
    else this.away = true
  }

  /** What counts as read now: nothing while the tab is in the background. */
  inSight() {
    if (this.marked === null || this.live.seq <= this.marked || document.visibilityState !== "visible") return null
    const returned = this.away
    this.away = false
    this.told = { seq: this.live.seq, at: Date.now() }
    return { seq: this.live.seq, returned }
  }

  read() {
    if (this.told.seq === this.live.seq && Date.now() - this.told.at < SAID_MS) return
    const read = this.inSight()
    if (read) this.send("read", { at: Date.now(), ...read })
  }

  // The box to write in stands over the page's foot: where the list would reach under it, the list is shorter.
  fit() {
    const foot = document.querySelector('[data-testid="stBottom"]')
    const main = document.querySelector('[data-testid="stMain"]')
    if (!foot || !main) return
    const top = this.scroller.getBoundingClientRect().top + main.scrollTop
    const room = Math.max(260, foot.getBoundingClientRect().top - top - 8)
    if (this.scroller.offsetHeight > room) this.scroller.style.height = `${room}px`
  }

  /** @param {Entry[]} entries @param {Anchor} keep */
  take(entries, keep = this.anchor()) {
    const top = Math.max(0, ...[...this.entries.values()].map((held) => held.entry.seq))
    let fresh = 0
    let mine = false
    for (const entry of entries) {
      if (this.kinds && !this.kinds.has(entry.type)) continue
      const text = JSON.stringify(entry)
      const held = this.entries.get(entry.id)
      if (held?.text === text) continue
      if (!held && entry.seq > top) {
        fresh += 1
        mine = mine || (entry.author?.id === this.app.viewer && entry.type === "comment")
      }
      this.entries.set(entry.id, { entry, text, revision: ++this.revision })
      this.dirty = true
      if (entry.execution?.id) this.runs.set(entry.execution.id, { run: entry.execution, revision: this.revision })
    }
    if (!this.dirty) return
    const initial = !this.nodes.size
    this.render()
    this.dirty = false
    if (initial && !this.newer.hidden) this.pinned = false
    else if (initial || keep.bottom || mine) this.bottom()
    else {
      this.restore(keep)
      this.unseen += fresh
      this.pill.hidden = !this.unseen
      need(this.pill, "span:last-child").textContent = `${this.unseen} new`
    }
  }

  render() {
    const sorted = [...this.entries.values()].sort((a, b) => a.entry.seq - b.entry.seq)
    const runs = new Map([...this.runs].map(([id, held]) => [id, held.run]))
    const wanted = []
    /** @type {Map<string, Drawn>} */
    const used = new Map()
    let day = ""
    let marked = this.readTo === null
    for (const group of grouped(sorted.map((held) => held.entry), runs)) {
      const name = dayName(new Date(group.at))
      if (name !== day) wanted.push(this.node(`day:${name}`, name, used, () => el("div", "day", name)))
      day = name
      if (!marked && group.messages.some((m) => m.seq > (this.readTo ?? 0) && m.author?.id !== this.app.viewer)) {
        marked = true
        const fresh = sorted.filter(({ entry }) => entry.seq > (this.readTo ?? 0)).length
        wanted.push(this.node("unread", String(fresh), used, () => el("div", "day unread", `${fresh} new since you were here`)))
      }
      const version = group.messages.map((m) => this.entries.get(m.id)?.revision).join() + (group.run ? `/${this.runs.get(group.run.id)?.revision}` : "")
      wanted.push(this.node(group.key, version, used, () => group.make(this.app, group)))
    }
    if (!wanted.length) wanted.push(el("div", "empty", icon("forum"), el("div", "strong", this.empty.title), el("div", "", this.empty.text)))
    this.nodes = used
    place(this.rows, wanted)
    this.app.clocks = this.app.clocks.filter(([node]) => node.isConnected)
  }

  /** @param {string} key @param {string} version @param {Map<string, Drawn>} used @param {() => HTMLElement} make */
  node(key, version, used, make) {
    const held = this.nodes.get(key)
    const next = held?.version === version ? held : { version, node: make() }
    next.node.dataset.key = key
    used.set(key, next)
    return next.node
  }

  /** Brings a message in sight and marks it for a moment. @param {string} id */
  showAt(id) {
    const key = [...this.nodes].find(([name]) => name === id || name.endsWith(`:${id}`))?.[0] ?? this.holder(id)
    const node = this.nodes.get(key ?? "")?.node
    if (!node) return
    this.pinned = false
    const middle = (this.scroller.clientHeight - node.offsetHeight) / 2
    this.scroller.scrollTop += node.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - Math.max(0, middle)
    node.classList.add("sought")
  }

  /** The row that gathers a message with others. @param {string} id */
  holder(id) {
    const runs = new Map([...this.runs].map(([name, held]) => [name, held.run]))
    const sorted = [...this.entries.values()].sort((a, b) => a.entry.seq - b.entry.seq).map((held) => held.entry)
    return grouped(sorted, runs).find((group) => group.messages.some((m) => m.id === id))?.key
  }

  atBottom() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller
    return scrollHeight - scrollTop - clientHeight < 32
  }

  // The first row in sight and where it stands, so that older rows above it don't move what is being read.
  /** @returns {Anchor} */
  anchor() {
    const top = this.scroller.getBoundingClientRect().top
    const rows = /** @type {HTMLElement[]} */ ([...this.rows.children])
    const row = rows.find((node) => node.getBoundingClientRect().bottom > top && !node.classList.contains("day"))
    return { bottom: this.atBottom(), key: row?.dataset.key, offset: row ? row.getBoundingClientRect().top - top : 0, scroll: this.scroller.scrollTop }
  }

  /** @param {Anchor} anchor */
  restore({ key, offset, scroll }) {
    const node = this.nodes.get(key ?? "")?.node
    if (!node) this.scroller.scrollTop = scroll
    else this.scroller.scrollTop += node.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - offset
  }

  bottom() {
    this.scroller.scrollTop = this.scroller.scrollHeight
    this.seen()
  }

  seen() {
    this.pinned = this.atBottom()
    if (!this.pinned) return
    this.unseen = 0
    this.pill.hidden = true
  }

  close() {
    clearInterval(this.timer)
    this.watch.disconnect()
    document.removeEventListener("visibilitychange", this.turned)
    this.live.close()
  }
}

/** @param {TimelineComponent} component */
export default function (component) {
  const root = need(component.parentElement, ".root")
  const timeline = instances.get(root) ?? new Timeline(root, component)
  instances.set(root, timeline)
  timeline.update(component)
  return () => {
    instances.get(root)?.close()
    instances.delete(root)
  }
}
