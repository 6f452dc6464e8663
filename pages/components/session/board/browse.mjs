// The candles of a dataset without a session: the board's chart, tools and strip, and a window that a person chooses by
// dragging or by two fields, from which a session starts.
import { closes } from "./candles.mjs"
import { Chart, engine } from "./chart.mjs"
import { Keys } from "./keys.mjs"
import { Link } from "./link.mjs"
import { COLORS } from "./looks.mjs"
import { mounting } from "./mount.mjs"
import { readPlace } from "./place.mjs"
import { Pointer } from "./pointer.mjs"
import { Shell } from "./shell.mjs"
import { Strip } from "./strip.mjs"
import { Tools } from "./tools.mjs"
import { WindowBar } from "./window.mjs"

/** @typedef {Components["candles"]} Component */

const CHOOSING = "Drag across the candles to choose a window"
const PANNED = { pressedMouseMove: true, horzTouchDrag: true, vertTouchDrag: true }
/** Nothing is shaded where no window is chosen. @type {[number, number]} */
const NONE = [-Infinity, Infinity]
const STILL = { pressedMouseMove: false, horzTouchDrag: false, vertTouchDrag: false }

/** @param {Browser} board */
function commands(board) {
  return [
    { keys: ["w"], label: "Choose a window by dragging; ⇧ and a drag does so at once", act: () => board.choose() },
    { keys: ["g"], label: "Go to a date or to a candle by its number", act: () => board.tools?.goToDate() },
    { keys: ["x"], label: "Measure", act: () => board.measure() },
    { keys: ["c"], label: "Green and red candles", act: () => board.tools?.colours() },
    { keys: ["l"], label: "Logarithmic prices", act: () => board.chart?.logarithmic() },
    { keys: ["t"], label: "Longer bars", act: () => board.tools?.nextLevel() },
    { keys: ["+", "="], label: "Zoom in", act: () => board.chart?.zoom(0.7), repeats: true },
    { keys: ["-"], label: "Zoom out", act: () => board.chart?.zoom(1.4), repeats: true },
    { keys: ["ArrowLeft", "ArrowRight", "Shift+ArrowLeft", "Shift+ArrowRight"], label: "Move the view", act: (/** @type {string} */ name) => board.chart?.pan((name.endsWith("Left") ? -1 : 1) * (name.startsWith("Shift") ? 1 : 0.2)), repeats: true },
    { keys: ["Home", "End"], label: "The first and the last candle", act: (/** @type {string} */ name) => board.tools?.bring(name === "Home" ? 0 : board.data.total - 1) },
    { keys: ["Escape"], label: "", act: () => board.calm() },
    { keys: ["?", "Shift+?"], label: "These keys", act: () => board.help() },
  ]
}

export class Browser {
  turn = 0
  /** @type {import("./marks.mjs").Scene} */
  scene = {
    letters: [], current: -1, hovered: -1, pointed: null, at: null, curtain: null, dark: false, background: "#ffffff", font: "sans-serif", base: 0, picking: null,
    missed: [], ghost: null, measure: null, window: [0, 0], candles: null,
  }
  /** @type {[number, number] | null} the window that was chosen */
  chosen = null
  /** @type {number | null} the candle at which a drag began */
  from = null
  choosing = false
  /** @type {number | undefined} */
  drawing = undefined
  /** @type {{ first: Float64Array, close: Float64Array } | null} */
  line = null
  /** @type {Chart | null} */
  chart = null
  /** @type {Tools | null} */
  tools = null
  ended = false

  /** @param {Component} component */
  constructor(component) {
    this.data = component.data
    this.send = component.setTriggerValue
    this.asked = this.data.asked
    this.scene.window = NONE
    this.link = new Link({ token: () => this.data.token, renew: () => this.send("renew", Date.now()) })
    this.shell = new Shell(this.data, {
      level: (level) => this.tools?.setLevel(level),
      tools: {
        window: ["width", "Choose a window (W)", () => this.choose()],
        measure: ["straighten", "Measure (X)", () => this.measure()],
        date: ["event", "Go to a date (G)", () => this.tools?.goToDate()],
        colours: ["palette", "Green and red candles (C)", () => this.tools?.colours()],
        out: ["remove", "Zoom out (−)", () => this.chart?.zoom(1.4)],
        in: ["add", "Zoom in (+)", () => this.chart?.zoom(0.7)],
        keys: ["keyboard", "Keys (?)", () => this.help()],
      },
    })
    const { may_run: mayRun, intraday } = this.data
    this.bar = new WindowBar({
      mayRun, intraday, written: (first, last) => this.written(first, last).catch((error) => this.shell.say(error.message)),
      clear: () => this.take(null), begin: (what) => this.begin(what),
    })
    this.build(component.parentElement)
    this.start().catch((error) => this.shell.fail(error instanceof Error ? error.message : String(error)))
  }

  /** @param {Component} component */
  update(component) {
    this.data = component.data
    this.send = component.setTriggerValue
    this.theme()
    if (this.data.asked !== this.asked && this.chart) {
      this.asked = this.data.asked
      this.point(this.data.at)
    }
    return ++this.turn
  }

  // --- opening ---
  /** @param {Component["parentElement"]} parent */
  build(parent) {
    const { root, strip } = this.shell
    root.className = "board alone"
    root.dataset.testid = "candles"
    strip.setAttribute("aria-label", "All candles of the dataset")
    root.append(this.bar.root)
    parent.append(root)
    this.strip = new Strip(strip, () => ({
      start: 0, end: this.data.total - 1, anchors: new Float64Array(), letters: [], current: -1, view: this.tools?.viewInCandles() ?? null, dark: this.scene.dark, line: this.line,
    }), (candle) => this.tools?.bring(Math.round(candle)))
    // Elsewhere on the page the keys are the page's: they count while the pointer or the focus is here.
    this.keys = new Keys(commands(this), () => root.isConnected && !document.querySelector("[role=dialog]") && (root.matches(":hover") || root.matches(":focus-within")))
    this.onDown = (/** @type {PointerEvent} */ event) => this.dragFrom(event)
    this.onMove = (/** @type {PointerEvent} */ event) => this.dragTo(event)
    this.onUp = () => this.dragEnds()
    this.shell.chart.addEventListener("pointerdown", this.onDown, true)
    addEventListener("pointermove", this.onMove)
    addEventListener("pointerup", this.onUp)
    addEventListener("pointercancel", this.onUp)
  }

  async start() {
    const { data, scene } = this
    const lib = await engine()
    if (this.ended) return
    const { decimals, intraday, totals, total } = data
    this.chart = new Chart(lib, this.shell.chart, scene, { decimals, intraday, totals, covered: () => this.shell.covered, onView: () => this.viewed(), fetchTile: (level, number) => this.tile(level, number) })
    this.tools = new Tools({ chart: this.chart, shell: this.shell, scene, decimals, intraday, start: 0, end: total - 1, total, mark: () => null, draw: () => this.chart?.refresh(), repaint: () => this.theme(), pointed: () => undefined })
    this.pointer = new Pointer({
      chart: this.chart, marks: () => [], hover: (place) => this.hover(place),
      click: ({ bar, price }) => { if (scene.picking === "measure") this.tools?.measureClick(bar, price) },
    })
    Object.assign(this.shell.root, { placeOf: this.pointer.pointOf.bind(this.pointer) })
    this.theme()
    if (data.at === null) await this.chart.show(Math.max(0, total - Math.round(this.chart.size * 0.47))) // the newest at the right
    else await this.point(data.at)
    this.drawBar()
    this.shell.root.dataset.ready = "true"
    this.line = await closes({ start: 0, end: total - 1, totals, fetchTile: (level, number) => this.tile(level, number) })
    this.strip?.soon()
  }

  /** @param {string} level @param {number} number */
  async tile(level, number) {
    return (await this.link.get(`board/candles/${this.data.sha}/${level}/${number}`)).arrayBuffer()
  }

  // --- what is in sight ---
  /** Shows a candle and points at it. @param {number | null} candle */
  async point(candle) {
    if (candle === null || !this.chart) return
    await this.chart.show(candle)
    const bar = this.chart.marks.bar(candle)
    if (bar) {
      this.scene.ghost = { index: bar.first, price: bar.high, color: COLORS.x ?? "" }
      this.shell.legend(bar, this.data.decimals, this.data.intraday)
    }
    this.shell.root.dataset.pointed = String(candle)
    this.chart.refresh()
  }

  viewed() {
    this.strip?.soon()
    this.drawing ??= requestAnimationFrame(() => {
      this.drawing = undefined
      this.drawBar()
    })
  }

  /** @param {import("./pointer.mjs").Place | null} place */
  hover(place) {
    if (!place) return
    this.shell.legend(place.bar, this.data.decimals, this.data.intraday)
    if (this.scene.picking === "measure") this.tools?.aim(place.bar, place.price)
    this.chart?.refresh()
  }

  measure() {
    this.choose(false)
    this.tools?.pick("measure")
  }

  help() {
    const shown = this.shell.sheeted
    this.calm()
    if (!shown && this.keys) this.shell.sheet(this.keys.help(() => this.calm()))
  }

  calm() {
    this.choose(false)
    this.tools?.calm()
  }

  theme() {
    this.chart?.wear(this.shell.root)
    this.strip?.soon()
  }

  // --- the window ---
  /** Whether a drag chooses a window instead of moving the view. @param {boolean} [on] */
  choose(on = !this.choosing) {
    this.choosing = on
    this.shell.tools.window?.setAttribute("aria-pressed", String(on))
    this.shell.hintAt(on ? CHOOSING : null, " · Esc")
    this.hold(on)
  }

  /** @param {boolean} still whether the chart stays where it is under a drag */
  hold(still) {
    this.chart?.api.applyOptions({ handleScroll: still ? STILL : PANNED })
    this.shell.chart.style.touchAction = still ? "none" : ""
  }

  /** The bar under a pointer, the first or last one where it is beside them. @param {PointerEvent} event */
  barUnder(event) {
    const { chart } = this
    const logical = chart?.api.timeScale().coordinateToLogical(event.clientX - this.shell.chart.getBoundingClientRect().x) ?? null
    if (!chart || logical === null) return null
    return Math.max(this.scene.base, Math.min(this.scene.base + chart.count - 1, Math.round(logical) + this.scene.base))
  }

  /** @param {PointerEvent} event */
  dragFrom(event) {
    if (!(this.choosing || event.shiftKey) || !event.isPrimary || event.button !== 0) return
    this.from = this.barUnder(event)
    if (this.from !== null) this.hold(true)
  }

  /** @param {PointerEvent} event */
  dragTo(event) {
    const bar = this.from === null || !event.isPrimary ? null : this.barUnder(event)
    if (bar === null || this.from === null) return
    const [a, b] = bar < this.from ? [bar, this.from] : [this.from, bar]
    const candles = this.chart?.candles
    const next = candles?.at(b + 1)?.first ?? this.data.total
    this.take([candles?.at(a)?.first ?? 0, next - 1])
  }

  dragEnds() {
    if (this.from === null) return
    this.from = null
    if (this.chosen) this.choose(false)
    this.hold(this.choosing)
  }

  /** @param {string} first @param {string} last */
  async written(first, last) {
    const ends = []
    for (const text of [first, last]) {
      const place = readPlace(text)
      if ("why" in place) return this.shell.say(place.why)
      ends.push("candle" in place ? place.candle : ((await this.tools?.candleAt(place.seconds)) ?? 0))
    }
    const [a = 0, b = 0] = ends.map((end) => Math.max(0, Math.min(this.data.total - 1, end)))
    this.take([Math.min(a, b), Math.max(a, b)])
    if (!this.chart?.view || !this.inView(a) || !this.inView(b)) this.tools?.bring(Math.min(a, b))
  }

  /** @param {number} candle */
  inView(candle) {
    const view = this.tools?.viewInCandles()
    return Boolean(view && candle >= view[0] && candle <= view[1])
  }

  /** @param {[number, number] | null} window */
  take(window) {
    this.chosen = window
    this.scene.window = window ?? NONE
    Object.assign(this.shell.root.dataset, { start: window ? String(window[0]) : "", end: window ? String(window[1]) : "" })
    this.chart?.refresh()
    this.drawBar()
  }

  /** The chosen window, or what is in view. @returns {[number, number]} */
  get window() {
    const [a, b] = this.chosen ?? this.tools?.viewInCandles() ?? [0, this.data.total - 1]
    return [Math.max(0, a), Math.min(this.data.total - 1, b)]
  }

  drawBar() {
    const [start, end] = this.window
    const { marks } = this.chart ?? {}
    this.bar.draw({ start, end, chosen: this.chosen !== null, from: marks?.bar(start)?.time ?? null, to: marks?.bar(end)?.time ?? null })
  }

  /** @param {string} what */
  begin(what) {
    const [start, end] = this.window
    this.send("start", { what, start, end })
  }

  destroy() {
    this.ended = true
    cancelAnimationFrame(this.drawing ?? 0)
    this.shell.destroy()
    this.keys?.destroy()
    this.shell.chart.removeEventListener("pointerdown", this.onDown ?? (() => undefined), true)
    removeEventListener("pointermove", this.onMove ?? (() => undefined))
    removeEventListener("pointerup", this.onUp ?? (() => undefined))
    removeEventListener("pointercancel", this.onUp ?? (() => undefined))
    this.link.close()
    this.strip?.destroy()
    this.pointer?.destroy()
    this.chart?.destroy()
  }
}

export default mounting((/** @type {Component} */ component) => new Browser(component))
