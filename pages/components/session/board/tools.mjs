// What a person does to the view, and not to a verdict: dates, longer bars, the curtain over the future, measuring.
import { lowerBound, measured, when } from "./core.mjs"
import { TILE } from "./candles.mjs"
import { COLORS, el, write } from "./looks.mjs"
import { nearest, PLACE_FORMS, readPlace } from "./place.mjs"

/** @typedef {import("./candles.mjs").Candle} Candle */
/** @typedef {import("./chart.mjs").Chart} Chart */
/** @typedef {import("./marks.mjs").Mark} Mark */
/** @typedef {{ index: number, price: number, time: number }} Point */

/** What a click does, and how it is done by keys. @type {Record<"move" | "miss" | "measure", [string, string]>} */
const PICKING = {
  move: ["Click the candle it belongs to", ", or ← → and Enter · Esc leaves it where it is"],
  miss: ["Click the candle that should have been marked, above it for a high, below for a low", ", or ← → ↑ ↓ and Enter · Esc"],
  measure: ["Click two places to measure between them", " · Esc"],
}
const BAR_MS = 350 // a candle of the replay

export class Tools {
  /** @type {Point | null} */
  from = null
  /** @type {ReturnType<typeof setInterval> | undefined} */
  playing = undefined
  /** The candle that the arrows point at while one is to be chosen. @type {{ index: number, up: boolean } | null} */
  cursor = null

  /**
   * @param {{ chart: Chart, shell: import("./shell.mjs").Shell, scene: import("./marks.mjs").Scene, decimals: number, intraday: boolean, start: number, end: number,
   *   total: number, mark: () => Mark | null, draw: () => void, repaint: () => void, pointed: (bar: Candle | null) => void }} options
   */
  constructor(options) {
    this.its = options
    this.chart = options.chart
    this.shell = options.shell
    this.scene = options.scene
  }

  /** @param {"move" | "miss" | "measure"} what */
  pick(what) {
    this.scene.picking = what
    this.scene.measure = null
    this.from = null
    this.shell.hintAt(...PICKING[what])
    if (this.choosing) this.pointAt(this.begin(), this.isHigh(), false)
    this.its.draw()
  }

  /** Where choosing a candle begins: at the mark to move; for a missed one where the arrows were last, at the mark, or in the middle of the view. */
  begin() {
    const { its, cursor } = this
    const anchor = its.mark()?.anchor
    if (this.scene.picking === "move" && anchor !== undefined) return anchor
    const seen = [cursor?.index, anchor].find((candle) => candle !== undefined && this.sees(candle))
    const [from, to] = this.viewInCandles() ?? [its.start, its.end]
    return this.within(seen ?? Math.round((from + to) / 2))
  }

  /** A candle that may be chosen: in the session's window, and not hidden. @param {number} candle */
  within(candle) {
    return Math.max(this.its.start, Math.min(this.its.end, this.scene.curtain ?? Infinity, candle))
  }

  /** @param {number} candle */
  sees(candle) {
    const view = this.viewInCandles()
    return view !== null && candle >= view[0] && candle < view[1]
  }

  /** Whether the mark that is to be placed is a high. */
  isHigh() {
    return this.scene.picking === "move" ? (this.its.mark()?.dir ?? 1) >= 0 : (this.cursor?.up ?? true)
  }

  calm() {
    this.scene.picking = this.scene.ghost = this.scene.measure = this.scene.pointed = null
    this.from = null
    this.shell.hintAt(null)
    this.shell.sheet(null)
    this.its.draw()
  }

  /** Where a click would put something, drawn under the pointer; the arrows go on from there. @param {Candle} bar @param {number} at */
  aim(bar, at) {
    const { picking } = this.scene
    if (picking === "measure") return this.measureTo(bar, at)
    const up = picking === "move" ? this.isHigh() : at >= (bar.high + bar.low) / 2
    this.cursor = { index: this.within(bar.first), up }
    this.scene.ghost = { index: bar.first, price: up ? bar.high : bar.low, color: (picking === "move" ? COLORS.m : COLORS.x) ?? "" }
  }

  /** Whether a candle is to be chosen. */
  get choosing() {
    return this.scene.picking === "move" || this.scene.picking === "miss"
  }

  /** The arrows while a candle is to be chosen. @param {number} by bars */
  cursorBy(by) {
    const index = (this.cursor?.index ?? this.begin()) + by * (this.chart.candles.step || 1)
    this.pointAt(this.within(index), this.isHigh())
  }

  /** @param {boolean} up whether the mark is a high */
  cursorSide(up) {
    if (this.scene.picking === "miss") this.pointAt(this.cursor?.index ?? this.begin(), up)
  }

  /** @param {number} index @param {boolean} up @param {boolean} [follow] the view goes along near its edge, and not only where the candle is out of it */
  pointAt(index, up, follow = true) {
    const cursor = (this.cursor = { index, up })
    const draw = () => {
      const bar = this.chart.marks.bar(index)
      if (!this.choosing || this.cursor !== cursor || !bar) return
      this.scene.ghost = { index, price: up ? bar.high : bar.low, color: (this.scene.picking === "move" ? COLORS.m : COLORS.x) ?? "" }
      this.its.pointed(bar)
    }
    draw()
    if (follow || !this.sees(index)) this.chart.show(index, false).then(draw, (error) => this.shell.say(error.message)) // a candle far away is loaded first
  }

  /** Brings a candle into view that somebody went to by a key; what is to be chosen begins there. @param {number} candle @param {boolean} up */
  follow(candle, up) {
    this.scene.pointed = null
    if (this.choosing) return this.pointAt(this.within(candle), up)
    this.cursor = { index: candle, up }
    this.bring(candle, false)
  }

  /** What the arrows point at, as a click there would say it. @returns {import("./pointer.mjs").Place | null} */
  cursorPlace() {
    const bar = this.choosing && this.cursor ? this.chart.marks.bar(this.cursor.index) : null
    return bar && this.cursor ? { bar, price: this.cursor.up ? bar.high : bar.low, mark: -1, missed: null } : null
  }

  /** @param {Candle} bar @param {number} at */
  measureTo(bar, at) {
    if (!this.from) return
    const to = { index: bar.first, price: at, time: bar.time }
    this.scene.measure = { a: this.from, b: to, text: measured(this.from, to, this.its.decimals) }
  }

  /** A click while measuring: the first place, then the second. @param {Candle} bar @param {number} at */
  measureClick(bar, at) {
    if (this.from) {
      this.measureTo(bar, at)
      this.scene.picking = null
      this.shell.hintAt(null)
    } else this.from = { index: bar.first, price: at, time: bar.time }
  }

  hide() {
    this.scene.curtain = this.scene.curtain === null ? (this.its.mark()?.conf ?? this.its.end) : null
    this.shell.tools.hide?.setAttribute("aria-pressed", String(this.scene.curtain !== null))
    this.stop()
    this.refit()
  }

  /** @param {number} by */
  step(by) {
    if (this.scene.curtain === null) return
    this.scene.curtain = Math.max(this.its.start, Math.min(this.its.total - 1, this.scene.curtain + by))
    this.refit()
  }

  play() {
    if (this.scene.curtain === null) this.hide()
    if (this.playing) return this.stop()
    this.playing = setInterval(() => this.step(1), BAR_MS)
  }

  stop() {
    clearInterval(this.playing)
    this.playing = undefined
  }

  refit() {
    this.chart.api.priceScale("right").applyOptions({ autoScale: true })
    this.chart.pan(0)
    this.its.draw()
  }

  home() {
    this.chart.api.priceScale("right").applyOptions({ autoScale: true })
    const mark = this.its.mark()
    if (!mark) return
    const { chart } = this
    chart.view = chart.view && [chart.view[0], chart.view[0] + chart.size] // the usual zoom
    this.bring(mark.anchor)
  }

  /** @param {number} candle @param {boolean} [centre] */
  bring(candle, centre = true) {
    this.chart.show(candle, centre).then(() => this.its.draw(), (error) => this.shell.say(error.message))
  }

  colours() {
    this.chart.classic = !this.chart.classic
    localStorage.setItem("board-classic", String(this.chart.classic))
    this.its.repaint()
  }

  /** @param {string} level */
  setLevel(level) {
    const view = this.viewInCandles()
    this.shell.levels.value = level
    const at = this.its.mark()?.anchor ?? Math.round(((view?.[0] ?? 0) + (view?.[1] ?? 0)) / 2)
    this.chart.setLevel(level, at).then(() => this.its.draw(), (error) => this.shell.say(error.message))
  }

  nextLevel() {
    const names = this.shell.levelNames
    this.setLevel(names[(names.indexOf(this.chart.level) + 1) % names.length] ?? "1")
  }

  /** @returns {[number, number] | null} */
  viewInCandles() {
    const { view } = this.chart
    const { candles } = this.scene
    if (!view || !candles) return null
    const [first, last] = [Math.floor(view[0]), Math.ceil(view[1])].map((bar) => candles.at(Math.max(0, Math.min(candles.total - 1, bar))))
    return first && last ? [first.first, last.first + (candles.step || 1)] : null
  }

  goToDate() {
    const field = el("input", "reason")
    field.placeholder = `${PLACE_FORMS} (UTC)`
    field.setAttribute("aria-label", "Go to a date")
    const why = el("div", "why small")
    why.setAttribute("role", "alert")
    const close = () => {
      field.blur() // the next key is for the board
      this.calm()
    }
    field.onkeydown = (event) => {
      if (event.key === "Escape") close()
      if (event.key !== "Enter") return
      const place = readPlace(field.value)
      if ("why" in place) return write(why, place.why)
      close()
      this.goTo(place, field.value.trim()).catch((error) => this.shell.say(error.message))
    }
    this.shell.sheet(el("div", "sheet", field, why))
    field.focus()
  }

  /** @param {{ candle: number } | { seconds: number, span: number }} place @param {string} written */
  async goTo(place, written) {
    const { start, end, total, intraday } = this.its
    const [first, last] = "candle" in place ? [place.candle, place.candle] : [await this.candleAt(place.seconds), (await this.candleAt(place.seconds + place.span)) - 1]
    const { candle, beside } = nearest(first, last, start, end)
    await this.chart.show(candle)
    this.cursor = { index: candle, up: true } // where M begins
    this.scene.pointed = candle
    if (this.choosing) this.pointAt(candle, this.isHigh()) // M came before the candles did
    else this.its.pointed(this.chart.marks.bar(candle))
    if (!beside) return
    const what = end - start + 1 === total ? "dataset" : "window"
    const bar = this.chart.marks.bar(candle)
    this.shell.say(`${written} lies ${beside} the ${what}. This is its ${beside === "before" ? "first" : "last"} candle, #${candle.toLocaleString("en-US")}${bar ? ` · ${when(bar.time, intraday)}` : ""}.`)
  }

  /** The first candle from a time on, by halves through the dataset, a tile a step; the number of candles when all are earlier. @param {number} seconds */
  async candleAt(seconds) {
    const candles = this.chart.levels.get("1") ?? this.chart.candles
    let [low, high] = [0, candles.last]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      const tile = await candles.load(middle)
      if (/** @type {number} */ (tile.time[0]) <= seconds) low = middle
      else high = middle - 1
    }
    const tile = await candles.load(low)
    return low * TILE + lowerBound(tile.time, seconds)
  }
}
