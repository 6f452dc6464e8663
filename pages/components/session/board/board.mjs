// The judging board: it holds what is so, and passes it between chart, panel, keyboard and outbox. Streamlit mounts it
// once and hands it new data on a rerun; a verdict is painted in the frame of its key and waits for nobody.
import { Chart, engine, LEVEL_NAMES } from "./chart.mjs"
import { LETTER, measured, nextOpen, overlay, parseDate, price, volume, when } from "./core.mjs"
import { Keys } from "./keys.mjs"
import { hold, isGone, Link } from "./link.mjs"
import { button, COLORS, el, icon, write } from "./looks.mjs"
import { markOf, nameOf } from "./marks.mjs"
import { Outbox } from "./outbox.mjs"
import { Bar, Panel } from "./panel.mjs"
import { Strip } from "./strip.mjs"

/** @typedef {Components["board"]} Component */
/** @typedef {import("./core.mjs").Op} Op */
/** @typedef {import("./outbox.mjs").Answer} Answer */
/** @typedef {import("./candles.mjs").Candle} Candle */

/** @type {WeakMap<object, Board>} */
const boards = new WeakMap()

/** @param {Component} component */
export default function mount(component) {
  const root = component.parentElement
  let board = boards.get(root)
  if (!board) boards.set(root, (board = new Board(component)))
  const turn = board.update(component)
  const mounted = board
  // Streamlit also ends a run that newer data overtook, with the component still in the page: the board ends only when
  // its root is gone.
  return () => setTimeout(() => {
    const host = root instanceof ShadowRoot ? root.host : root
    if (turn !== mounted.turn || host.isConnected) return
    mounted.destroy()
    boards.delete(root)
  }, 300)
}

class Board {
  turn = 0
  position = 0
  status = ""
  served = ""
  /** @type {import("./marks.mjs").Mark[]} */
  list = []
  /** @type {Map<string, number>} */
  indexOf = new Map()
  /** @type {{ id: string, mark: string | null, letter: string, before: string }[]} */
  history = []
  /** @type {Map<string, string>} the person's own newest op on a mark, as this board knows it */
  own = new Map()
  /** @type {string[]} */
  reasons = []
  /** @type {import("./marks.mjs").Scene} */
  scene = {
    letters: [], current: -1, hovered: -1, curtain: null, dark: false, background: "#ffffff", font: "sans-serif", base: 0, picking: null,
    missed: [], ghost: null, measure: null, window: [0, 0], candles: null,
  }
  /** @type {Op[]} conflicts that wait for the person's word */
  conflicts = []
  /** @type {{ first: Float64Array, close: Float64Array } | null} */
  line = null
  /** @type {Chart | null} */
  chart = null
  /** @type {Outbox | null} */
  box = null
  drawing = false
  ended = false

  /** @param {Component} component */
  constructor(component) {
    this.data = component.data
    this.send = component.setTriggerValue
    this.link = new Link({ token: () => this.data.token, renew: () => this.send("renew", Date.now()) })
    this.scene.window = [this.data.start, this.data.end]
    this.build(component.parentElement)
    this.start().catch((error) => this.fail(error))
  }

  /** @param {Component} component */
  update(component) {
    const fresh = component.data.token !== this.data.token
    this.data = component.data
    this.send = component.setTriggerValue
    this.theme()
    if (fresh && this.box?.held) this.box.resume()
    if (fresh && this.chart) this.link.follow(() => this.changed())
    return ++this.turn
  }

  // --- opening ---
  /** @param {Component["parentElement"]} parent */
  build(parent) {
    this.chartBox = el("div", "chart")
    this.ohlc = el("div", "ohlc")
    this.hint = el("div", "hint")
    this.hint.hidden = true
    this.notice = el("div", "notice")
    this.notice.hidden = true
    this.notice.setAttribute("role", "status")
    this.sheet = el("div", "over")
    this.sheet.hidden = true
    const tool = (/** @type {string} */ symbol, /** @type {string} */ label, /** @type {() => void} */ act) => {
      const node = button("tool", label, act, icon(symbol))
      node.title = label
      return node
    }
    this.hideTool = tool("visibility_off", "Hide what came after (H)", () => this.hide())
    this.measureTool = tool("straighten", "Measure (X)", () => this.pick("measure"))
    this.levelBox = el("select", "level")
    this.levelBox.setAttribute("aria-label", "Length of a bar")
    for (const [level, name] of Object.entries(LEVEL_NAMES)) if (this.data.totals[level]) this.levelBox.append(new Option(name, level))
    this.levelBox.value = "1"
    this.levelBox.onchange = () => this.setLevel(this.levelBox?.value ?? "1")
    const tools = el("div", "tools", this.levelBox, this.hideTool, this.measureTool, tool("event", "Go to a date (G)", () => this.goToDate()),
      tool("palette", "Green and red candles (C)", () => this.colours()), tool("remove", "Zoom out (−)", () => this.chart?.zoom(1.4)),
      tool("add", "Zoom in (+)", () => this.chart?.zoom(0.7)), tool("center_focus_strong", "Back to the mark (0)", () => this.home()), tool("keyboard", "Keys (?)", () => this.help()))
    const title = el("div", "symbol", el("b", "", this.data.symbol), ` ${this.data.timeframe}`)
    const stage = el("div", "stage", this.chartBox, el("div", "legend", title, this.ohlc), tools, this.hint, this.notice, this.sheet)
    const canvas = el("canvas", "strip")
    canvas.setAttribute("aria-label", "All marks of the session")
    this.panel = new Panel({ go: (i) => this.go(i), reason: (text) => this.useReason(text), removeMissed: () => undefined })
    this.bar = new Bar({ go: (by) => this.go(this.scene.current + by), judge: (verdict) => this.judge(verdict), undo: () => this.undo() })
    this.root = el("div", "board", el("div", "left", stage, canvas), this.panel.root, this.bar.root)
    this.root.tabIndex = -1 // else a click puts the focus on the page's scroller
    this.root.dataset.testid = "board"
    this.root.dataset.session = this.data.session
    this.root.dataset.marks = String(this.data.marks)
    // Where things are on the screen, for whoever drives the board from outside.
    Object.assign(this.root, { placeOf: (/** @type {string} */ kind, /** @type {string} */ which) => this.placeOf(kind, which), marksInView: () => this.marksInView() })
    this.root.addEventListener("pointerdown", (event) => {
      const target = event.composedPath()[0]
      if (target instanceof Element && !target.closest("input, button, select")) this.root?.focus({ preventScroll: true })
    })
    parent.append(this.root)
    this.strip = new Strip(canvas, () => ({
      start: this.data.start, end: this.data.end, anchors: this.chart?.marks.anchors ?? new Float64Array(), letters: this.scene.letters, current: this.scene.current,
      view: this.viewInCandles(), dark: this.scene.dark, line: this.line,
    }), (candle) => this.chart?.show(Math.round(candle)))
    this.keys = new Keys(this.keyList(), () => this.root?.isConnected === true && !document.querySelector("[role=dialog]"))
    this.onLeave = () => this.box?.leave()
    this.onOnline = () => this.box?.resume()
    addEventListener("pagehide", this.onLeave)
    addEventListener("online", this.onOnline)
  }

  /** @returns {import("./keys.mjs").Key[]} */
  keyList() {
    const judge = (/** @type {string} */ key, /** @type {string} */ verdict, /** @type {string} */ label) => ({ keys: [key], label, act: () => this.judge(verdict) })
    return [
      judge("1", "confirmed", "Right"), judge("2", "false_positive", "Wrong"), judge("3", "adjustment", "Moved: click the candle it belongs to"), judge("4", "unsure", "Unsure"),
      { keys: ["m"], label: "Missed: click the candle that should have been marked", act: () => this.judge("false_negative") },
      { keys: ["j"], label: "Next mark", act: () => this.go(this.scene.current + 1) }, { keys: ["k"], label: "Mark before", act: () => this.go(this.scene.current - 1) },
      { keys: ["Shift+j"], label: "Next mark that is not judged", act: () => this.go(Math.max(0, nextOpen(this.scene.letters, this.scene.current))) },
      { keys: ["z"], label: "Undo", act: () => this.undo() }, { keys: ["r"], label: "Write a reason", act: () => this.bar?.reason.focus() },
      { keys: Array.from({ length: 8 }, (_, k) => `Shift+${k + 1}`), label: "Quick reason", act: (name) => this.useReason(this.reasons[Number(name.slice(-1)) - 1] ?? "") },
      { keys: ["g"], label: "Go to a date", act: () => this.goToDate() }, { keys: ["h"], label: "Hide what came after", act: () => this.hide() },
      { keys: [".", ","], label: "One candle on or back while it is hidden", act: (name) => this.step(name === "." ? 1 : -1) }, { keys: ["p"], label: "Play what is hidden", act: () => this.play() },
      { keys: ["x"], label: "Measure", act: () => this.pick("measure") }, { keys: ["c"], label: "Green and red candles", act: () => this.colours() },
      { keys: ["t"], label: "Longer bars", act: () => this.nextLevel() },
      { keys: ["+", "="], label: "Zoom in", act: () => this.chart?.zoom(0.7) }, { keys: ["-"], label: "Zoom out", act: () => this.chart?.zoom(1.4) }, { keys: ["0", "f"], label: "Back to the mark", act: () => this.home() },
      { keys: ["ArrowLeft", "ArrowRight"], label: "Move the view", act: (name) => this.chart?.pan(name === "ArrowLeft" ? -0.2 : 0.2) },
      { keys: ["Escape"], label: "", act: () => this.calm() }, { keys: ["?", "Shift+?"], label: "These keys", act: () => this.help() },
    ]
  }

  async start() {
    const pages = Array.from({ length: Math.ceil(this.data.marks / this.data.page) }, (_, page) => this.link.get(`board/marks/${this.data.session}/${page}`).then((answer) => answer.json()))
    const [lib, state, ...rows] = await Promise.all([engine(), this.link.get("board/state").then((answer) => answer.json()), ...pages])
    if (this.ended) return
    this.list = rows.flat().map(markOf)
    this.indexOf = new Map(this.list.map((mark, i) => [mark.id, i]))
    const { decimals, intraday, totals, sha } = this.data
    this.chart = new Chart(lib, /** @type {HTMLElement} */ (this.chartBox), this.scene, {
      decimals, intraday, totals, onView: () => this.strip?.soon(),
      fetchTile: async (level, number) => (await this.link.get(`board/candles/${sha}/${level}/${number}`)).arrayBuffer(),
    })
    this.chart.marks.set(this.list)
    this.chart.api.subscribeCrosshairMove((event) => this.hover(event))
    this.chart.api.subscribeClick((event) => this.click(event))
    this.theme()
    await this.openBox()
    this.take(state)
    const wanted = this.indexOf.get(this.data.current ?? "") ?? nextOpen(this.scene.letters, -1)
    this.scene.current = this.list.length ? Math.max(0, wanted) : -1
    await this.chart.show(this.mark?.anchor ?? this.data.end)
    this.draw()
    if (this.root) this.root.dataset.ready = "true"
    this.link.follow(() => this.changed())
    await this.overview()
  }

  async openBox() {
    const prefix = `board:${this.data.person}:${this.data.session}:`
    const client = crypto.randomUUID()
    this.release = await hold(client)
    this.box = new Outbox({
      storage: localStorage, prefix, client, uuid: () => crypto.randomUUID(), gather: 120, post: (ops, options) => this.link.post(ops, options),
      onAnswer: (answer, ops) => this.answered(answer, ops), onChange: () => this.saving(),
    })
    await this.box.adopt(isGone)
  }

  /** The closes of the whole session for the strip, at a level that one tile or few hold. */
  async overview() {
    const size = this.data.end - this.data.start
    const level = size > 250000 ? "1024" : size > 16000 ? "64" : size > 4000 ? "4" : "1"
    const candles = new (await import("./candles.mjs")).Candles({
      level, total: this.data.totals[level] ?? 0, fetchTile: async (number) => (await this.link.get(`board/candles/${this.data.sha}/${level}/${number}`)).arrayBuffer(),
    })
    const [a, b] = await candles.need(candles.barOf(this.data.start), candles.barOf(this.data.end))
    const [first, close] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])]
    for (let number = a; number <= b; number++) {
      const tile = candles.ready.get(number)
      tile?.first.forEach((at, i) => {
        if (at < this.data.start - 1024 || at > this.data.end) return
        first.push(at)
        close.push(/** @type {number} */ (tile.close[i]))
      })
    }
    this.line = { first: Float64Array.from(first), close: Float64Array.from(close) }
    this.strip?.soon()
  }

  // --- what the server says ---
  /** @param {any} state */
  take(state) {
    this.served = state.letters
    this.position = state.position
    const was = this.status
    this.status = state.status
    this.scene.missed = [...state.missed]
    this.history = state.history.map((/** @type {any} */ one) => ({ ...one }))
    this.reasons = state.reasons
    this.fold()
    if (was && was !== this.status) this.send("renew", Date.now()) // the page around says so too
  }

  fold() {
    const pending = this.box?.pending ?? []
    this.scene.letters = overlay(this.served, this.indexOf, pending)
    for (const op of pending) {
      if (op.do === "miss") this.scene.missed.push({ id: op.id, kind: op.kind ?? "", direction: op.direction ?? 0, index: op.index ?? 0, own: true })
      if (op.do === "judge" || op.do === "miss") this.remember(op)
    }
    this.draw()
  }

  /** @param {Op} op */
  remember(op) {
    if (this.history.some((one) => one.id === op.id)) return
    const at = this.indexOf.get(op.mark ?? "")
    this.history.unshift({ id: op.id, mark: op.mark ?? null, letter: op.letter ?? "x", before: at === undefined ? "." : (this.served[at] ?? ".") })
  }

  /** @param {Answer} answer @param {Op[]} ops */
  answered(answer, ops) {
    this.position = Math.max(this.position, answer.position)
    const letters = [...this.served]
    const failed = answer.results.filter((result) => result.result === "refused" || result.result === "conflict")
    for (const op of ops) {
      const result = answer.results.find((one) => one.id === op.id)
      const at = this.indexOf.get(op.mark ?? "")
      if (at !== undefined && op.letter !== undefined) letters[at] = result?.result === "done" ? op.letter : (result?.letter ?? letters[at] ?? ".")
      if (result?.result === "done") continue
      this.history = this.history.filter((one) => one.id !== op.id)
      if (op.mark) this.own.delete(op.mark)
      if (result?.result === "conflict") this.conflicts.push(op)
    }
    this.served = letters.join("")
    if (answer.state) this.take(answer.state)
    else this.fold()
    if (failed.length) this.refused(failed.map((result) => ({ result, op: ops.find((op) => op.id === result.id) })))
    if (!this.box?.pending.length) this.settled()
  }

  /** @param {{ result: import("./outbox.mjs").Result, op: Op | undefined }[]} failed */
  refused(failed) {
    const conflict = this.conflicts[0]
    if (conflict) return this.askAbout(conflict)
    const first = failed[0]
    const mark = this.list[this.indexOf.get(first?.op?.mark ?? "") ?? -1]
    const name = mark ? `${mark.label} #${mark.anchor}: ` : ""
    this.say(failed.length > 1 ? `${failed.length} judgements were not kept. ${first?.result.sentence ?? ""}` : `Not kept. ${name}${first?.result.sentence ?? ""}`, true)
  }

  // The person judged the same mark in another tab since this one saw it: they say which holds.
  /** @param {Op} op */
  askAbout(op) {
    const at = this.indexOf.get(op.mark ?? "") ?? -1
    const mark = this.list[at]
    const done = () => {
      this.conflicts = this.conflicts.filter((one) => one !== op)
      if (this.notice) this.notice.hidden = true
      if (this.conflicts[0]) this.askAbout(this.conflicts[0])
    }
    this.notice?.replaceChildren(`You judged ${mark?.label ?? "this mark"} #${mark?.anchor ?? ""} in another tab meanwhile. `,
      button("link", "Keep this tab's verdict", () => {
        const { id: _id, client: _client, seq: _seq, ...again } = op
        done()
        this.put({ ...again, base: null, seen: this.position })
      }, "Keep this tab's"), " ", button("link", "Keep the other verdict", done, "Keep the other"))
    if (this.notice) this.notice.hidden = false
  }

  async changed() {
    if (this.box?.flying) return
    try {
      const state = await (await this.link.get("board/state")).json()
      if (state.position !== this.position || state.letters !== this.served || state.status !== this.status) this.take(state)
    } catch {
      // the next change, or the stream's own return, asks again
    }
  }

  /** All is saved and nothing was pressed for a while: the page around may show the new score. */
  settled() {
    clearTimeout(this.settling)
    this.settling = setTimeout(() => {
      if (!this.box?.pending.length && !this.ended) this.send("settled", this.position)
    }, 2500)
  }

  // --- judging ---
  get open() {
    return this.data.may_judge && this.status === "active"
  }

  get mark() {
    return this.list[this.scene.current] ?? null
  }

  /** @param {Omit<Op, "id" | "client" | "seq" | "seen"> & { seen?: number }} op */
  put(op) {
    const made = this.box?.add({ ...op, seen: op.seen ?? this.position })
    if (!made) return
    if (made.mark) this.own.set(made.mark, made.id)
    if (made.do === "judge" || made.do === "miss") this.remember(made)
    this.fold()
  }

  takeReason() {
    const reason = this.bar?.reason.value.trim()
    if (this.bar) this.bar.reason.value = ""
    return reason || undefined
  }

  /** @param {string} verdict @param {number} [index] */
  judge(verdict, index) {
    if (!this.open || !this.box) return
    if (verdict === "false_negative") return this.pick("miss")
    const mark = this.mark
    if (!mark) return
    if (verdict === "adjustment" && index === undefined) return this.pick("move")
    const reason = this.takeReason()
    this.calm()
    const letter = LETTER[verdict] ?? "."
    this.put({ do: "judge", mark: mark.id, base: this.own.get(mark.id) ?? null, verdict, letter, kind: mark.kind, direction: mark.dir, ...(reason ? { reason } : {}), ...(index === undefined ? {} : { index }) })
    this.bar?.flash(verdict)
    const next = nextOpen(this.scene.letters, this.scene.current)
    if (next >= 0) this.go(next)
    else this.say("Every mark is judged. Add what was missed, or complete the session.")
  }

  undo() {
    const last = this.history.shift()
    if (!last || !this.open) return
    if (!last.mark) this.scene.missed = this.scene.missed.filter((one) => one.id !== last.id)
    this.put({ do: "undo", of: last.id, mark: last.mark, letter: last.before })
    const at = this.indexOf.get(last.mark ?? "")
    if (at !== undefined) this.go(at)
  }

  /** @param {string} text */
  useReason(text) {
    if (text && this.bar && this.open) this.bar.reason.value = text
  }

  /** @param {number} i */
  go(i) {
    if (!this.list.length) return
    this.scene.current = Math.max(0, Math.min(this.list.length - 1, i))
    const mark = this.mark
    if (!mark) return
    if (this.scene.curtain !== null) this.scene.curtain = mark.conf
    this.chart?.show(mark.anchor, false).catch((error) => this.say(error.message))
    this.draw()
  }

  // --- tools ---
  /** @param {"move" | "miss" | "measure"} what */
  pick(what) {
    if (what !== "measure" && !this.open) return
    this.scene.picking = what
    this.scene.measure = null
    this.from = null
    const words = {
      move: "Click the candle it belongs to · Esc leaves it where it is", measure: "Click two places to measure between them · Esc",
      miss: "Click the candle that should have been marked, above it for a high, below for a low · Esc",
    }
    if (this.hint) {
      this.hint.hidden = false
      write(this.hint, words[what])
    }
    this.draw()
  }

  calm() {
    this.scene.picking = null
    this.scene.ghost = null
    this.scene.measure = null
    this.from = null
    if (this.hint) this.hint.hidden = true
    if (this.sheet) this.sheet.hidden = true
    this.draw()
  }

  hide() {
    this.scene.curtain = this.scene.curtain === null ? (this.mark?.conf ?? this.data.end) : null
    this.hideTool?.setAttribute("aria-pressed", String(this.scene.curtain !== null))
    this.stop()
    this.refit()
  }

  /** @param {number} by */
  step(by) {
    if (this.scene.curtain === null) return
    this.scene.curtain = Math.max(this.data.start, Math.min(this.data.total - 1, this.scene.curtain + by))
    this.refit()
  }

  play() {
    if (this.scene.curtain === null) this.hide()
    if (this.playing) return this.stop()
    this.playing = setInterval(() => this.step(1), 350)
  }

  stop() {
    clearInterval(this.playing)
    this.playing = undefined
  }

  refit() {
    this.chart?.api.priceScale("right").applyOptions({ autoScale: true })
    this.chart?.pan(0)
    this.draw()
  }

  home() {
    this.chart?.api.priceScale("right").applyOptions({ autoScale: true })
    if (this.mark) this.chart?.show(this.mark.anchor)
  }

  colours() {
    if (!this.chart) return
    this.chart.classic = !this.chart.classic
    localStorage.setItem("board-classic", String(this.chart.classic))
    this.theme()
  }

  /** @param {string} level */
  setLevel(level) {
    const view = this.viewInCandles()
    if (this.levelBox) this.levelBox.value = level
    this.chart?.setLevel(level, this.mark?.anchor ?? Math.round(((view?.[0] ?? 0) + (view?.[1] ?? 0)) / 2)).then(() => this.draw(), (error) => this.say(error.message))
  }

  nextLevel() {
    const levels = [...(this.levelBox?.options ?? [])].map((option) => option.value)
    this.setLevel(levels[(levels.indexOf(this.chart?.level ?? "1") + 1) % levels.length] ?? "1")
  }

  goToDate() {
    const field = el("input", "reason")
    field.placeholder = "2024-03-05 or 2024-03-05 14:30 (UTC)"
    field.setAttribute("aria-label", "Go to a date")
    field.onkeydown = (event) => {
      if (event.key === "Escape") this.calm()
      if (event.key !== "Enter") return
      const at = parseDate(field.value)
      if (at === null) return this.say("Write a date as 2024-03-05, with a time if you like: 2024-03-05 14:30.")
      this.calm()
      this.findDate(at).catch((error) => this.say(error.message))
    }
    this.sheet?.replaceChildren(el("div", "sheet", field))
    if (this.sheet) this.sheet.hidden = false
    field.focus()
  }

  /** By halves through the dataset, a tile a step. @param {number} seconds */
  async findDate(seconds) {
    const candles = this.chart?.levels.get("1") ?? this.chart?.candles
    if (!candles || !this.chart) return
    let [low, high] = [0, candles.last]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      const tile = await candles.load(middle)
      if (/** @type {number} */ (tile.time[0]) <= seconds) low = middle
      else high = middle - 1
    }
    const tile = await candles.load(low)
    const { lowerBound } = await import("./core.mjs")
    await this.chart.show(low * 4096 + Math.min(tile.n - 1, lowerBound(tile.time, seconds)))
  }

  help() {
    const shown = this.sheet?.hidden === false
    this.calm()
    if (shown || !this.sheet || !this.keys) return
    this.sheet.replaceChildren(this.keys.help(() => this.calm()))
    this.sheet.hidden = false
  }

  // --- the pointer ---
  /** @param {import("lightweight-charts").MouseEventParams} event */
  hover(event) {
    const bar = this.chart?.barAt(event) ?? null
    const id = String(/** @type {any} */ (event).hoveredInfo?.objectId ?? event.hoveredObjectId ?? "")
    const hovered = id.startsWith("mark:") ? Number(id.slice(5)) : -1
    this.legend(bar ?? this.currentBar())
    if (hovered === this.scene.hovered && !this.scene.picking) return
    this.scene.hovered = hovered
    this.scene.ghost = null
    const at = bar && event.point ? this.chart?.series.coordinateToPrice(event.point.y) : null
    if (bar && at !== null && at !== undefined && this.scene.picking) {
      if (this.scene.picking === "measure") this.measureTo(bar, at)
      else {
        const up = this.scene.picking === "move" ? (this.mark?.dir ?? 1) >= 0 : at >= (bar.high + bar.low) / 2
        this.scene.ghost = { index: bar.first, price: up ? bar.high : bar.low, color: (this.scene.picking === "move" ? COLORS.m : COLORS.x) ?? "" }
      }
    }
    this.chart?.refresh()
  }

  /** @param {Candle} bar @param {number} at */
  measureTo(bar, at) {
    if (!this.from) return
    const to = { index: bar.first, price: at, time: bar.time }
    this.scene.measure = { a: this.from, b: to, text: measured(this.from, to, this.data.decimals) }
  }

  /** @param {import("lightweight-charts").MouseEventParams} event */
  click(event) {
    const bar = this.chart?.barAt(event)
    const at = event.point ? this.chart?.series.coordinateToPrice(event.point.y) : null
    const id = String(/** @type {any} */ (event).hoveredInfo?.objectId ?? event.hoveredObjectId ?? "")
    if (!bar || at === null || at === undefined) return
    if (this.scene.picking === "move") this.judge("adjustment", bar.first)
    else if (this.scene.picking === "miss") this.miss(bar, at >= (bar.high + bar.low) / 2 ? 1 : -1)
    else if (this.scene.picking === "measure") {
      if (this.from) this.scene.picking = null
      else this.from = { index: bar.first, price: at, time: bar.time }
      if (!this.scene.picking && this.hint) this.hint.hidden = true
    } else if (id.startsWith("mark:")) this.go(Number(id.slice(5)))
  }

  /** What a missed mark is: the kind that the detector says most. */
  kind() {
    /** @type {Map<string, number>} */
    const counts = new Map()
    for (const { kind } of this.list) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? this.data.missed_kind
  }

  /** @param {Candle} bar @param {number} direction */
  miss(bar, direction) {
    const reason = this.takeReason()
    const kind = this.kind()
    this.calm()
    this.put({ do: "miss", kind, direction, index: bar.first, letter: "x", ...(reason ? { reason } : {}) })
    this.say(`${nameOf(kind, direction)} #${bar.first} is added as missed. Z takes it back.`)
  }

  // --- drawing ---
  draw() {
    if (this.drawing) return
    this.drawing = true
    queueMicrotask(() => {
      this.drawing = false
      if (this.ended) return
      const { letters, current } = this.scene
      const judged = letters.filter((letter) => letter !== ".").length
      if (this.root) Object.assign(this.root.dataset, { current: this.mark?.id ?? "", judged: String(judged) })
      this.chart?.refresh()
      this.panel?.draw({
        mark: this.mark, place: current, total: this.list.length, letters, missed: this.scene.missed.length, time: this.currentBar()?.time ?? null, decimals: this.data.decimals,
        intraday: this.data.intraday, open: this.open, reasons: this.reasons, recent: this.recent(), undoable: this.history.length > 0, own: false,
      })
      this.bar?.draw(this.open, this.history.length > 0, this.status ? this.data.why_not || "This session is closed" : "")
      this.legend(this.currentBar())
      this.strip?.soon()
    })
  }

  recent() {
    const found = []
    for (const { mark, letter } of this.history) {
      const i = this.indexOf.get(mark ?? "")
      const its = i === undefined ? undefined : this.list[i]
      if (i !== undefined && its && found.length < 7) found.push({ i, letter, name: its.label, anchor: its.anchor })
    }
    return found
  }

  currentBar() {
    const mark = this.mark
    const candles = this.scene.candles
    return mark && candles ? candles.at(candles.barOf(mark.anchor)) : null
  }

  /** @param {Candle | null} bar */
  legend(bar) {
    if (!bar || !this.ohlc || (this.scene.curtain !== null && bar.first > this.scene.curtain)) return
    const { decimals, intraday } = this.data
    const pair = (/** @type {string} */ name, /** @type {string} */ value) => el("span", "", el("i", "", name), value)
    const change = bar.open ? ((bar.close - bar.open) / bar.open) * 100 : 0
    this.ohlc.replaceChildren(el("b", "", `#${bar.first.toLocaleString("en-US")}`), when(bar.time, intraday), pair("O", price(bar.open, decimals)), pair("H", price(bar.high, decimals)),
      pair("L", price(bar.low, decimals)), pair("C", price(bar.close, decimals)), `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(2)}%`, pair("Vol", volume(bar.volume)))
  }

  /** @returns {[number, number] | null} */
  viewInCandles() {
    const view = this.chart?.view
    const candles = this.scene.candles
    if (!view || !candles) return null
    const first = candles.at(Math.max(0, Math.floor(view[0])))
    const last = candles.at(Math.min(candles.total - 1, Math.ceil(view[1])))
    return first && last ? [first.first, last.first + (candles.step || 1)] : null
  }

  /** The point of the page at which a mark (by its id) or a candle (by its index) is drawn; null while it is out of view. @param {string} kind @param {string} which @returns {[number, number] | null} */
  placeOf(kind, which) {
    const [chart, frame] = [this.chart, this.chartBox?.getBoundingClientRect()]
    if (!chart || !frame) return null
    if (kind === "mark") {
      const shape = chart.marks.shapes.find((one) => this.list[one.i]?.id === which)
      return shape ? [frame.x + (shape.x0 + shape.x1) / 2, frame.y + (shape.y0 + shape.y1) / 2] : null
    }
    const bar = chart.marks.bar(Number(which))
    const [x, y] = [chart.marks.x(Number(which)), bar && chart.marks.y(bar.high)]
    return x === null || y === null ? null : [frame.x + x, frame.y + y + 1]
  }

  /** Ids and candles of the marks that can be clicked. @returns {[string, number][]} */
  marksInView() {
    const width = (this.chartBox?.clientWidth ?? 0) - 80
    const shapes = this.chart?.marks.shapes.filter((shape) => shape.x0 > 10 && shape.x1 < width) ?? []
    return shapes.map(({ i }) => /** @type {[string, number]} */ ([this.list[i]?.id ?? "", this.list[i]?.anchor ?? 0])).sort((a, b) => a[1] - b[1])
  }

  saving() {
    if (!this.box || !this.bar || !this.root) return
    this.root.dataset.unsent = String(this.box.pending.length)
    this.bar.saving(this.box)
  }

  /** @param {string} text @param {boolean} [stays] */
  say(text, stays = false) {
    if (!this.notice) return
    write(this.notice, text)
    this.notice.hidden = false
    clearTimeout(this.saying)
    if (!stays) this.saying = setTimeout(() => { if (this.notice) this.notice.hidden = true }, 6000)
    else this.notice.append(" ", button("link", "Close", () => { if (this.notice) this.notice.hidden = true }, "Close"))
  }

  theme() {
    if (!this.root || !this.chart) return
    const css = getComputedStyle(this.root)
    const read = (/** @type {string} */ name, /** @type {string} */ other) => css.getPropertyValue(name).trim() || other
    this.scene.background = read("--st-background-color", "#ffffff")
    this.scene.font = read("--st-font", "sans-serif")
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(this.scene.background.slice(i, i + 2), 16))
    this.scene.dark = (r ?? 255) + (g ?? 255) + (b ?? 255) < 384
    this.chart.classic = localStorage.getItem("board-classic") === "true"
    this.chart.theme({ text: read("--st-text-color", "#1A2330"), muted: this.scene.dark ? "#98A4B3" : "#5D6A7A", border: read("--st-border-color", "#dddddd"), font: this.scene.font })
    this.draw()
  }

  /** @param {unknown} error */
  fail(error) {
    const text = error instanceof Error ? error.message : String(error)
    this.root?.replaceChildren(el("div", "failed", `The board could not be opened: ${text}`))
    if (this.root) this.root.dataset.failed = text
  }

  destroy() {
    this.ended = true
    this.stop()
    clearTimeout(this.settling)
    clearTimeout(this.saying)
    this.keys?.destroy()
    removeEventListener("pagehide", this.onLeave ?? (() => undefined))
    removeEventListener("online", this.onOnline ?? (() => undefined))
    this.box?.leave()
    this.link.close()
    this.strip?.destroy()
    this.chart?.destroy()
    this.release?.()
  }
}
