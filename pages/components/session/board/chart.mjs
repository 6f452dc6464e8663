// The chart: candles and volume of one level of detail, the view on them, and what keeps the view where a person put it.
import { Candles, TILE } from "./candles.mjs"
import { viewFor, viewFull, viewResized, volume, when } from "./core.mjs"
import { alpha, CLASSIC, NEUTRAL } from "./looks.mjs"
import { Marks } from "./marks.mjs"

/** @typedef {import("lightweight-charts").IChartApi} IChartApi */
/** @typedef {import("./marks.mjs").Scene} Scene */

const MOST_TILES = 12
const LABEL_PX = 46 // that a mark and its label take above a candle
export const LEVEL_NAMES = { 1: "1×", 4: "×4", 12: "×12", d: "Day", w: "Week", 64: "×64", 1024: "×1024" }

/** The engine's own build, which names itself on the window. @returns {Promise<any>} */
export async function engine() {
  const address = new URL("./engine.js", import.meta.url).href
  await import(address)
  return /** @type {any} */ (globalThis).LightweightCharts
}

export class Chart {
  /** @type {Map<string, Candles>} */
  levels = new Map()
  /** @type {[number, number]} */
  tiles = [0, -1]
  count = 0
  /** Pixels that the candles had when the size was looked at last. */
  across = 0
  paging = false
  wanted = 0
  /** @type {[number, number] | null} */
  asked = null
  classic = false

  /**
   * @param {any} lib @param {HTMLElement} box @param {Scene} scene
   * @param {{ decimals: number, intraday: boolean, totals: Record<string, number>, fetchTile: (level: string, number: number) => Promise<ArrayBuffer>, onView: () => void, covered: () => number }} options `covered`: pixels at the top over which something stands
   */
  constructor(lib, box, scene, options) {
    this.lib = lib
    this.box = box
    this.scene = scene
    this.options = options
    /** @type {IChartApi} */
    this.api = lib.createChart(box, this.settings())
    const scale = { priceLineVisible: false, lastValueVisible: false }
    this.series = this.api.addSeries(lib.CandlestickSeries, /** @type {any} */ ({
      ...scale, priceFormat: { type: "price", precision: options.decimals, minMove: 10 ** -options.decimals }, autoscaleInfoProvider: () => this.fitted(),
    }))
    this.volumes = this.api.addSeries(lib.HistogramSeries, /** @type {any} */ ({ ...scale, priceFormat: { type: "custom", formatter: volume, minMove: 0.01 } }), 1)
    this.api.panes()[1]?.setStretchFactor(0.16)
    this.marks = new Marks(scene)
    this.series.attachPrimitive(/** @type {any} */ (this.marks))
    this.api.timeScale().subscribeVisibleLogicalRangeChange(() => {
      this.page()
      options.onView()
    })
    this.level = "1"
    this.watch = new ResizeObserver(() => this.resized())
    this.watch.observe(box)
  }

  settings() {
    const line = { color: "rgba(127,140,157,.7)", style: 3 }
    const grid = { color: "rgba(127,140,157,.13)" }
    return {
      autoSize: true, grid: { vertLines: grid, horzLines: grid }, rightPriceScale: { scaleMargins: { top: 0.12, bottom: 0.08 } },
      timeScale: { timeVisible: this.options.intraday, secondsVisible: false, minBarSpacing: 0.5, rightOffset: 6, lockVisibleTimeRangeOnResize: true },
      crosshair: { mode: 0, vertLine: line, horzLine: line }, kineticScroll: { mouse: true, touch: true },
      handleScale: { axisDoubleClickReset: { time: false, price: true } }, // the engine's own one would leave for the last candle it holds
      localization: { timeFormatter: (/** @type {number} */ t) => when(t, this.options.intraday) },
    }
  }

  /** Takes the page's colours and font, and the candles' colours as this browser chose them. @param {HTMLElement} root */
  wear(root) {
    const css = getComputedStyle(root)
    const read = (/** @type {string} */ name, /** @type {string} */ other) => css.getPropertyValue(name).trim() || other
    const { scene } = this
    scene.background = read("--st-background-color", "#ffffff")
    scene.font = read("--st-font", "sans-serif")
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(scene.background.slice(i, i + 2), 16))
    scene.dark = (r ?? 255) + (g ?? 255) + (b ?? 255) < 384
    this.classic = localStorage.getItem("board-classic") === "true"
    this.theme({ muted: scene.dark ? "#98A4B3" : "#5D6A7A", border: read("--st-border-color", "#dddddd"), font: scene.font })
  }

  /** @param {{ muted: string, border: string, font: string }} colors */
  theme({ muted, border, font }) {
    const label = this.scene.dark ? "#2B3542" : "#4A5767"
    this.api.applyOptions({
      layout: { background: { type: /** @type {any} */ ("solid"), color: this.scene.background }, textColor: muted, fontFamily: font, fontSize: 11.5, panes: { separatorColor: border, enableResize: false } },
      crosshair: { vertLine: { labelBackgroundColor: label }, horzLine: { labelBackgroundColor: label } },
      rightPriceScale: { borderColor: border }, timeScale: { borderColor: border },
    })
    const [up, down] = this.classic ? [CLASSIC.up, CLASSIC.down] : [NEUTRAL, NEUTRAL]
    this.series.applyOptions({ upColor: this.classic ? up : this.scene.background, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down })
    this.volumes.applyOptions({ color: alpha(NEUTRAL, 0.45) })
  }

  get candles() {
    let held = this.levels.get(this.level)
    if (!held) {
      const level = this.level
      held = new Candles({ level, total: this.options.totals[level] ?? 0, fetchTile: (number) => this.options.fetchTile(level, number) })
      this.levels.set(level, held)
    }
    return held
  }

  /** Bars of another length at the same place. @param {string} level @param {number} candle */
  async setLevel(level, candle) {
    this.level = level
    await this.show(candle)
  }

  /** @returns {[number, number] | null} the view in bars of the level */
  get view() {
    if (this.asked) return this.asked
    const range = this.api.timeScale().getVisibleLogicalRange()
    return range && [range.from + this.scene.base, range.to + this.scene.base]
  }

  set view(view) {
    if (!view) return
    this.asked = view // the engine takes it over in its next frame; until then it would tell of the one before
    requestAnimationFrame(() => { if (this.asked === view) this.asked = null })
    this.api.timeScale().setVisibleLogicalRange({ from: view[0] - this.scene.base, to: view[1] - this.scene.base })
  }

  get size() {
    return Math.max(45, Math.min(125, this.box.clientWidth / 7.4)) // fewer candles on a phone, so that they keep bodies
  }

  /** Whether a bar of this level is in what the chart holds. @param {number} bar */
  holds(bar) {
    return bar >= this.scene.base && bar < this.scene.base + this.count
  }

  /** Brings a candle into view: eases where it is near, jumps where it is far. @param {number} candle @param {boolean} [centre] */
  async show(candle, centre = true) {
    const ask = ++this.wanted
    const candles = this.candles
    if (!candles.step) await candles.all()
    const bar = candles.barOf(candle)
    if (this.scene.candles === candles && this.holds(bar)) {
      const view = centre ? [bar - this.width * 0.45, bar + this.width * 0.55] : viewFor(bar, this.view, { size: this.size })
      if (view) this.ease(viewFull(/** @type {[number, number]} */ (view), candles.total))
      return
    }
    const [a, b] = await candles.need(bar - 400, bar + 400)
    if (ask !== this.wanted) return
    this.place(a, b, viewFull([bar - this.size * 0.45, bar + this.size * 0.55], candles.total))
  }

  /** Opens at a candle, which stands at the left. @param {number} candle */
  async begin(candle) {
    const [a, b] = await this.candles.need(candle - 400, candle + 400)
    this.place(a, b, viewFull([candle - 4, candle - 4 + this.size], this.candles.total))
  }

  get width() {
    const view = this.view
    return view ? view[1] - view[0] : this.size
  }

  /** The mark in question stays in view when the size changes, and the highest candle's label below what stands over the chart. */
  resized() {
    const height = this.api.panes()[0]?.getHeight() || this.box.clientHeight
    const top = Math.min(0.35, Math.max(0.12, (this.options.covered() + LABEL_PX) / height))
    this.api.priceScale("right").applyOptions({ scaleMargins: { top, bottom: 0.08 } })
    const across = this.box.clientWidth - this.api.priceScale("right").width()
    if (across <= 0 || across === this.across) return
    const { view } = this
    const anchor = this.marks.list[this.scene.current]?.anchor ?? this.marks.current()?.index
    if (view && this.across) this.view = viewResized(view, anchor === undefined ? null : this.candles.barOf(anchor), across / this.across)
    this.across = across
  }

  /** @param {[number, number]} to */
  ease(to) {
    const from = this.view
    cancelAnimationFrame(this.easing ?? 0)
    if (!from || matchMedia("(prefers-reduced-motion: reduce)").matches || Math.abs(to[0] - from[0]) < 1) {
      this.view = to
      return
    }
    const begin = performance.now()
    const step = (/** @type {number} */ now) => {
      const share = Math.min(1, Math.max(0, (now - begin) / 120))
      const part = 1 - (1 - share) ** 3
      this.view = [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part]
      if (share < 1) this.easing = requestAnimationFrame(step)
    }
    this.easing = requestAnimationFrame(step)
  }

  /** Hands the chart the tiles a..b; a `view` of null keeps what is in view where it is. @param {number} a @param {number} b @param {[number, number] | null} view */
  place(a, b, view) {
    const keep = view ?? this.view
    const bars = this.candles.bars(a, b)
    this.scene.candles = this.candles
    this.tiles = [a, b]
    this.scene.base = a * TILE
    this.count = bars.length
    this.series.setData(/** @type {any} */ (bars))
    const volumes = bars.map((bar, i) => ({ time: bar.time, value: this.candles.at(a * TILE + i)?.volume || 0 }))
    this.volumes.setData(/** @type {any} */ (volumes))
    this.view = keep
  }

  /** Near the end of what it holds, the chart takes the next tile and lets far ones go. */
  async page() {
    const { view } = this
    if (!view || this.paging || this.tiles[1] < 0) return
    let [a, b] = this.tiles
    const spare = Math.max(600, (view[1] - view[0]) * 0.8)
    const left = view[0] - this.scene.base < spare && a > 0
    const right = view[1] - this.scene.base > this.count - spare && b < this.candles.last
    if (!left && !right) return
    this.paging = true
    const candles = this.candles
    try {
      if (left) a -= 1
      if (right) b += 1
      await Promise.all([candles.load(a), candles.load(b)])
      if (candles !== this.scene.candles) return
      if (b - a + 1 > MOST_TILES) [a, b] = left ? [a, a + MOST_TILES - 1] : [b - MOST_TILES + 1, b]
      this.place(a, b, null)
      candles.forget(a - 4, b + 4)
    } catch {
      await new Promise((done) => setTimeout(done, 1000))
    } finally {
      this.paging = false
    }
  }

  // The scale is that of the candles in view, never of marks, and knows nothing of what is hidden.
  fitted() {
    const view = this.view
    if (!view || !this.scene.candles) return null
    const from = Math.max(this.scene.base, Math.floor(view[0]))
    const hidden = this.scene.curtain === null ? Infinity : this.scene.candles.barOf(this.scene.curtain)
    const found = this.scene.candles.extremes(from, Math.min(this.scene.base + this.count - 1, Math.ceil(view[1]), hidden))
    return found && { priceRange: { minValue: found[0], maxValue: found[1] } }
  }

  /** @param {number} factor */
  zoom(factor) {
    const view = this.view
    if (!view) return
    const middle = (view[0] + view[1]) / 2
    const half = Math.max(6, ((view[1] - view[0]) / 2) * factor)
    this.view = [middle - half, middle + half]
  }

  /** @param {number} share of the view's width */
  pan(share) {
    const view = this.view
    if (view) this.view = [view[0] + this.width * share, view[1] + this.width * share]
  }

  /** The bar at a place of the engine's time axis. @param {number} logical */
  barAt(logical) {
    return this.candles.at(Math.round(logical) + this.scene.base)
  }

  /** Prices by ratio or by difference: a long rise is readable only by ratio. */
  logarithmic() {
    const scale = this.api.priceScale("right")
    scale.applyOptions({ mode: scale.options().mode === 1 ? 0 : 1, autoScale: true })
  }

  refresh() {
    this.marks.requestUpdate()
  }

  destroy() {
    cancelAnimationFrame(this.easing ?? 0)
    this.watch.disconnect()
    this.api.remove()
  }
}
