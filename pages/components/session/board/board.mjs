// The judging board: it passes what is so between chart, panel, keyboard and outbox. Streamlit mounts it once and hands
// it new data on a rerun; a verdict is painted in the frame of its key and waits for nobody.
import { closes } from "./candles.mjs"
import { Chart, engine } from "./chart.mjs"
import { nextOpen } from "./core.mjs"
import { Files } from "./files.mjs"
import { Judgements, letterOf } from "./judgements.mjs"
import { commands, Keys } from "./keys.mjs"
import { Link } from "./link.mjs"
import { ownPlaces, placeAt, placeBeside } from "./made.mjs"
import { markOf, nameOf } from "./marks.mjs"
import { mounting } from "./mount.mjs"
import { Bar, Panel } from "./panel.mjs"
import { Pointer } from "./pointer.mjs"
import { Shell } from "./shell.mjs"
import { Strip } from "./strip.mjs"
import { Tools } from "./tools.mjs"

/** @typedef {Components["board"]} Component */
/** @typedef {import("./core.mjs").Op} Op */
/** @typedef {import("./candles.mjs").Candle} Candle */

const QUIET_MS = 2500 // without a key, after which the page around may show the new score

export class Board {
  turn = 0
  /** @type {import("./marks.mjs").Mark[]} */
  list = []
  /** @type {import("./marks.mjs").Scene} */
  scene = {
    letters: [], current: -1, hovered: -1, pointed: null, at: null, curtain: null, dark: false, background: "#ffffff", font: "sans-serif", base: 0, picking: null,
    missed: [], ghost: null, measure: null, window: [0, 0], candles: null,
  }
  /** @type {{ first: Float64Array, close: Float64Array } | null} */
  line = null
  /** @type {Chart | null} */
  chart = null
  /** @type {Tools | null} */
  tools = null
  /** @type {string[]} who else has this session open */
  present = []
  drawing = false
  ended = false

  /** @param {Component} component */
  constructor(component) {
    this.data = component.data
    this.send = component.setTriggerValue
    this.scene.window = [this.data.start, this.data.end]
    this.link = new Link({ token: () => this.data.token, renew: () => this.send("renew", Date.now()) })
    this.judgements = new Judgements({
      scene: this.scene, link: this.link, prefix: `board:${this.data.person}:${this.data.session}:`,
      told: {
        draw: () => this.draw(), saving: (box) => this.saving(box), saved: () => this.saved(), status: () => this.send("renew", Date.now()),
        conflict: (op) => this.askAbout(op), refused: (failed) => this.refused(failed),
      },
    })
    this.shell = new Shell(this.data, {
      level: (level) => this.tools?.setLevel(level),
      tools: {
        hide: ["visibility_off", "Hide what came after (H)", () => this.tools?.hide()],
        measure: ["straighten", "Measure (X)", () => this.tools?.pick("measure")],
        date: ["event", "Go to a date (G)", () => this.tools?.goToDate()],
        colours: ["palette", "Green and red candles (C)", () => this.tools?.colours()],
        out: ["remove", "Zoom out (−)", () => this.chart?.zoom(1.4)],
        in: ["add", "Zoom in (+)", () => this.chart?.zoom(0.7)],
        home: ["center_focus_strong", "Back to the mark (0)", () => this.tools?.home()],
        keys: ["keyboard", "Keys (?)", () => this.help()],
      },
    })
    this.panel = new Panel({ go: (i) => this.go(i), reason: (text) => this.useReason(text) })
    this.bar = new Bar({ go: (by) => this.walk(by), judge: (verdict) => this.judge(verdict), undo: () => this.undo(), attach: () => this.files.choose() })
    this.files = new Files({ root: this.shell.root, keep: (file) => this.link.keep(file), open: () => this.open, say: (text) => this.shell.say(text, true) })
    this.build(component.parentElement)
    this.start().catch((error) => this.shell.fail(error instanceof Error ? error.message : String(error)))
  }

  /** @param {Component} component */
  update(component) {
    const fresh = component.data.token !== this.data.token
    this.data = component.data
    this.send = component.setTriggerValue
    this.theme()
    if (fresh && this.judgements.box?.held) this.judgements.box.resume()
    if (fresh && this.chart) this.follow()
    return ++this.turn
  }

  // --- opening ---
  /** @param {Component["parentElement"]} parent */
  build(parent) {
    const { root, strip } = this.shell
    this.bar.reason.before(this.files.row)
    root.append(this.panel.root, this.bar.root, this.files.input)
    root.dataset.session = this.data.session
    root.dataset.marks = String(this.data.marks)
    parent.append(root)
    this.strip = new Strip(strip, () => ({
      start: this.data.start, end: this.data.end, anchors: this.chart?.marks.anchors ?? new Float64Array(), letters: this.scene.letters, current: this.scene.current,
      view: this.tools?.viewInCandles() ?? null, dark: this.scene.dark, line: this.line,
    }), (candle) => this.tools?.bring(Math.round(candle)))
    this.keys = new Keys(commands(this), () => root.isConnected && !document.querySelector("[role=dialog]"))
    this.onLeave = () => this.judgements.box?.leave()
    this.onOnline = () => this.judgements.box?.resume()
    addEventListener("pagehide", this.onLeave)
    addEventListener("online", this.onOnline)
  }

  async start() {
    const { data, scene, judgements } = this
    const pages = Array.from({ length: Math.ceil(data.marks / data.page) }, (_, page) => this.link.get(`board/marks/${data.session}/${page}`).then((answer) => answer.json()))
    const [lib, state, ...rows] = await Promise.all([engine(), this.link.state(), ...pages])
    if (this.ended) return
    this.list = rows.flat().map(markOf)
    judgements.indexOf = new Map(this.list.map((mark, i) => [mark.id, i]))
    const { decimals, intraday, totals, start, end, total } = data
    this.chart = new Chart(lib, this.shell.chart, scene, { decimals, intraday, totals, covered: () => this.shell.covered, onView: () => this.strip?.soon(), fetchTile: (level, number) => this.tile(level, number) })
    this.tools = new Tools({ chart: this.chart, shell: this.shell, scene, decimals, intraday, start, end, total, mark: () => this.mark, draw: () => this.draw(), repaint: () => this.theme(), pointed: (bar) => { this.legend(bar); this.chart?.refresh() } })
    this.chart.marks.set(this.list)
    const pointer = new Pointer({ chart: this.chart, marks: () => this.list, home: () => this.tools?.home(), hover: (place, moved) => this.hover(place, moved), click: (place) => this.click(place) })
    this.pointer = pointer
    // Where things are on the screen, for whoever drives the board from outside.
    Object.assign(this.shell.root, { placeOf: pointer.pointOf.bind(pointer), marksInView: pointer.inView.bind(pointer) })
    this.theme()
    await judgements.open()
    judgements.take(state)
    const wanted = judgements.indexOf.get(data.current ?? "") ?? nextOpen(scene.letters, -1)
    scene.current = this.list.length ? Math.max(0, wanted) : -1
    const { mark } = this
    if (mark) await this.chart.show(mark.anchor)
    else await this.openWithoutMarks(start)
    this.draw()
    this.shell.root.dataset.ready = "true"
    this.follow()
    await this.overview()
  }

  // Without marks a person goes through the window from its beginning, or on from the place that they made last.
  /** @param {number} start */
  async openWithoutMarks(start) {
    const { judgements, scene } = this
    const own = ownPlaces(scene.missed)
    scene.at = judgements.history.map(({ missed }) => own.find(({ id }) => id === missed)).find(Boolean) ?? own.at(-1) ?? null
    if (scene.at) await this.chart?.show(scene.at.index)
    else await this.chart?.begin(start)
    if (scene.at && this.tools) this.tools.cursor = { index: scene.at.index, up: scene.at.direction >= 0 }
  }

  /** @param {string} level @param {number} number */
  async tile(level, number) {
    return (await this.link.get(`board/candles/${this.data.sha}/${level}/${number}`)).arrayBuffer()
  }

  /** The closes of the whole session, for the strip. */
  async overview() {
    this.line = await closes({ ...this.data, fetchTile: (level, number) => this.tile(level, number) })
    this.strip?.soon()
  }

  // --- what the server says ---
  follow() {
    this.link.follow(() => this.judgements.changed(), (names) => {
      this.present = names
      this.draw()
    })
  }

  /** @param {{ result: ResultJson, op: Op | undefined }[]} failed */
  refused(failed) {
    const first = failed[0]
    const mark = this.list[this.judgements.indexOf.get(first?.op?.mark ?? "") ?? -1]
    const name = mark ? `${mark.label} #${mark.anchor}: ` : ""
    const why = first?.result.sentence ?? ""
    this.shell.say(failed.length > 1 ? `${failed.length} judgements were not kept. ${why}` : `Not kept. ${name}${why}`, true)
  }

  // The person judged the same mark in another tab since this one saw it: they say which holds.
  /** @param {Op} op */
  askAbout(op) {
    const mark = this.list[this.judgements.indexOf.get(op.mark ?? "") ?? -1]
    this.shell.ask(`You judged ${mark?.label ?? "this mark"} #${mark?.anchor ?? ""} in another tab meanwhile.`, {
      "Keep this tab's verdict": () => this.judgements.resolve(op, true), "Keep the other verdict": () => this.judgements.resolve(op, false),
    })
  }

  saved() {
    clearTimeout(this.settling)
    this.settling = setTimeout(() => {
      if (!this.judgements.pending.length && !this.ended) this.send("settled", this.judgements.position)
    }, QUIET_MS)
  }

  // --- judging ---
  get open() {
    return this.data.may_judge && this.judgements.status === "active"
  }

  get mark() {
    return this.list[this.scene.current] ?? null
  }

  /** What stands beside a verdict: its reason and its files. */
  takeReason() {
    const reason = this.bar.reason.value.trim()
    this.bar.reason.value = ""
    return { ...(reason ? { reason } : {}), ...this.bar.weight(), ...this.files.use() }
  }

  /** @param {string} text */
  useReason(text) {
    if (text && this.open) this.bar.reason.value = text
  }

  /** @param {string} verdict @param {number} [index] */
  judge(verdict, index) {
    if (!this.open || !this.judgements.box) return
    if (verdict === "false_negative") return this.tools?.pick("miss")
    const { mark } = this
    if (!mark) return
    if (verdict === "adjustment" && index === undefined) return this.tools?.pick("move")
    const base = this.judgements.own.get(mark.id) ?? null
    const where = index === undefined ? {} : { index }
    this.tools?.calm()
    this.judgements.put({ do: "judge", mark: mark.id, base, verdict, letter: letterOf(verdict), kind: mark.kind, direction: mark.dir, ...this.takeReason(), ...where })
    this.bar.flash(verdict)
    const next = nextOpen(this.scene.letters, this.scene.current)
    if (next >= 0) this.go(next)
    else this.shell.say("Every mark is judged. Add what was missed, or complete the session.")
  }

  /** @param {Candle} bar @param {number} direction */
  miss(bar, direction) {
    const kind = this.kind()
    this.tools?.calm()
    this.scene.at = { index: bar.first, direction }
    this.judgements.put({ do: "miss", kind, direction, index: bar.first, letter: "x", ...this.takeReason() })
    this.shell.say(`${nameOf(kind, direction)} #${bar.first} is added as missed. Z takes it back.`)
    if (this.data.labelling) this.tools?.pick("miss") // one place after the other
  }

  /** @param {number} by @param {boolean} far */
  arrow(by, far) {
    if (this.tools?.choosing) this.tools.cursorBy(by * (far ? 10 : 1))
    else this.chart?.pan(by * (far ? 1 : 0.2))
  }

  enter() {
    const place = this.tools?.cursorPlace()
    if (place) this.click(place)
  }

  /** A missed mark that was clicked. @param {import("./marks.mjs").Missed} its */
  askMissed(its) {
    const name = `${nameOf(its.kind, its.direction)} #${its.index} was added as missed`
    if (!its.own || !this.open) return this.shell.say(`${name}${its.own ? "" : " by somebody else"}.`)
    this.scene.at = its
    this.draw()
    this.shell.ask(`${name} by you.`, { "Take it away": () => this.judgements.remove(placeAt(ownPlaces(this.scene.missed), its) ?? its), Keep: () => undefined })
  }

  undo() {
    if (!this.open) return
    const { mark, made } = this.judgements.undo()
    const at = this.judgements.indexOf.get(mark ?? "")
    if (at !== undefined) this.go(at)
    if (made) this.tookAway(made)
  }

  // --- places that this person made ---
  /** The current one; it is the mark in question where there are no marks. */
  get place() {
    return this.list.length ? null : placeAt(ownPlaces(this.scene.missed), this.scene.at)
  }

  /** @param {number} by */
  walk(by) {
    if (this.list.length) return this.go(this.scene.current + by)
    const place = placeBeside(ownPlaces(this.scene.missed), this.scene.at, by)
    if (!place) return
    this.scene.at = place
    this.tools?.follow(place.index, place.direction >= 0)
    this.draw()
  }

  removePlace() {
    const { place } = this
    if (!place || !this.open) return
    this.judgements.remove(place)
    this.tookAway(place)
  }

  /** @param {import("./marks.mjs").Missed} its */
  tookAway(its) {
    this.scene.at = its
    this.tools?.follow(its.index, its.direction >= 0)
    this.scene.pointed = its.index // nothing else shows where it was
    this.shell.say(`${nameOf(its.kind, its.direction)} #${its.index} is taken away. ${this.tools?.choosing ? "Enter puts" : "M and Enter put"} it back.`)
    this.draw()
  }

  /** What a missed mark is: the kind that the detector says most. */
  kind() {
    /** @type {Map<string, number>} */
    const counts = new Map()
    for (const { kind } of this.list) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? this.data.missed_kind
  }

  /** @param {number} i */
  go(i) {
    if (!this.list.length) return
    this.scene.current = Math.max(0, Math.min(this.list.length - 1, i))
    const { mark } = this
    if (!mark) return
    if (this.scene.curtain !== null) this.scene.curtain = mark.conf
    this.tools?.follow(mark.anchor, mark.dir >= 0)
    this.draw()
  }

  help() {
    const shown = this.shell.sheeted
    this.tools?.calm()
    if (!shown && this.keys) this.shell.sheet(this.keys.help(() => this.tools?.calm()))
  }

  // --- the pointer ---
  /** @param {import("./pointer.mjs").Place | null} place @param {boolean} moved false where the chart moved under a pointer at rest */
  hover(place, moved) {
    if (!moved && this.tools?.choosing) return // the arrows point, not the pointer
    this.legend(place?.bar ?? this.legendBar())
    const mark = place?.mark ?? -1
    if (mark === this.scene.hovered && !this.scene.picking) return
    this.scene.hovered = mark
    this.scene.ghost = null
    if (place && this.scene.picking) this.tools?.aim(place.bar, place.price)
    this.chart?.refresh()
  }

  /** @param {import("./pointer.mjs").Place} place */
  click({ bar, price, mark, missed }) {
    if (this.scene.picking === "move") this.judge("adjustment", bar.first)
    else if (this.scene.picking === "miss") this.miss(bar, price >= (bar.high + bar.low) / 2 ? 1 : -1)
    else if (this.scene.picking === "measure") this.tools?.measureClick(bar, price)
    else if (mark >= 0) this.go(mark)
    else {
      const its = this.scene.missed.find((one) => one.id === missed)
      if (its) this.askMissed(its)
    }
  }

  // --- drawing ---
  draw() {
    if (this.drawing) return
    this.drawing = true
    queueMicrotask(() => {
      this.drawing = false
      if (this.ended) return
      const { letters, current, missed } = this.scene
      const { history, reasons, status, others, blind } = this.judgements
      const { place } = this
      const places = place ? ownPlaces(missed) : []
      const judged = letters.filter((letter) => letter !== ".").length
      Object.assign(this.shell.root.dataset, { current: this.mark?.id ?? "", judged: String(judged) })
      this.chart?.refresh()
      this.panel.draw({
        mark: this.mark, place: current, made: place && { ...place, name: nameOf(place.kind, place.direction), number: places.indexOf(place) + 1, of: places.length }, total: this.list.length, letters, missed: missed.length, time: this.currentBar()?.time ?? null, decimals: this.data.decimals,
        intraday: this.data.intraday, open: this.open, reasons, recent: this.recent(), labelling: this.data.labelling, present: this.present, blind, others: others.map(({ name, letters: its }) => ({ name, letter: its[current] ?? "." })),
      })
      this.bar.draw(this.open, history.length > 0, status ? this.data.why_not || "This session is closed" : "")
      this.legend(this.legendBar())
      this.strip?.soon()
    })
  }

  recent() {
    const rows = []
    for (const { mark, letter } of this.judgements.history) {
      const i = this.judgements.indexOf.get(mark ?? "")
      const its = i === undefined ? undefined : this.list[i]
      if (i !== undefined && its && rows.length < 7) rows.push({ i, letter, name: its.label, anchor: its.anchor })
    }
    return rows
  }

  currentBar() {
    return this.barOf(this.mark?.anchor ?? this.place?.index ?? null)
  }

  /** What the legend is about while nothing is under the pointer: what the arrows point at, the candle that was gone to, or the mark's. */
  legendBar() {
    return this.tools?.cursorPlace()?.bar ?? this.barOf(this.scene.pointed) ?? this.currentBar()
  }

  /** @param {number | null} candle */
  barOf(candle) {
    const { candles } = this.scene
    return candle !== null && candles ? candles.at(candles.barOf(candle)) : null
  }

  /** @param {Candle | null} bar */
  legend(bar) {
    const hidden = bar !== null && this.scene.curtain !== null && bar.first > this.scene.curtain
    if (bar && !hidden) this.shell.legend(bar, this.data.decimals, this.data.intraday)
  }

  /** @param {import("./outbox.mjs").Outbox} box */
  saving(box) {
    this.shell.root.dataset.unsent = String(box.pending.length)
    this.bar.saving(box)
  }

  theme() {
    if (!this.chart) return
    this.chart.wear(this.shell.root)
    this.draw()
  }

  destroy() {
    this.ended = true
    this.tools?.stop()
    clearTimeout(this.settling)
    this.shell.destroy()
    this.keys?.destroy()
    this.files.destroy()
    removeEventListener("pagehide", this.onLeave ?? (() => undefined))
    removeEventListener("online", this.onOnline ?? (() => undefined))
    this.judgements.end()
    this.link.close()
    this.strip?.destroy()
    this.pointer?.destroy()
    this.chart?.destroy()
  }
}

export default mounting((/** @type {Component} */ component) => new Board(component))
