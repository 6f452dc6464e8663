// The frame of the board: chart, strip, tools and what is said over them. It knows no verdict and no candle.
import { LEVEL_NAMES } from "./chart.mjs"
import { price, volume, when } from "./core.mjs"
import { button, el, icon } from "./looks.mjs"

/** @typedef {[symbol: string, label: string, act: () => void]} Tool */

export class Shell {
  /** @param {BoardData | CandlesData} titles @param {{ tools: Record<string, Tool>, level: (level: string) => void }} acts */
  constructor({ symbol, timeframe, totals }, { tools, level }) {
    this.chart = el("div", "chart")
    this.ohlc = el("div", "ohlc")
    this.hint = hidden(el("div", "hint"))
    this.notice = hidden(el("div", "notice"))
    this.notice.setAttribute("role", "status")
    this.over = hidden(el("div", "over"))
    this.levels = el("select", "level")
    this.levels.setAttribute("aria-label", "Length of a bar")
    for (const [name, label] of Object.entries(LEVEL_NAMES)) if (totals[name]) this.levels.append(new Option(label, name))
    this.levels.value = "1"
    this.levels.onchange = () => {
      level(this.levels.value)
      this.levels.blur()
    }
    /** @type {Record<string, HTMLButtonElement>} */
    this.tools = {}
    for (const [name, [symbolName, label, act]] of Object.entries(tools)) {
      const node = button("tool", label, act, icon(symbolName))
      node.title = label
      this.tools[name] = node
    }
    this.strip = el("canvas", "strip")
    this.strip.setAttribute("aria-label", "All marks of the session")
    const title = el("div", "symbol", el("b", "", symbol), ` ${timeframe}`)
    this.legendBox = el("div", "legend", title, this.ohlc)
    this.toolbar = el("div", "tools", this.levels, Object.values(this.tools))
    const stage = el("div", "stage", this.chart, this.legendBox, this.toolbar, this.notice, this.over)
    this.left = el("div", "left", stage, this.hint, this.strip)
    this.root = el("div", "board", this.left)
    this.root.tabIndex = -1 // else a click puts the focus on the page's scroller
    this.root.dataset.testid = "board"
    this.root.addEventListener("pointerdown", (event) => {
      const target = event.composedPath()[0]
      if (target instanceof Element && !target.closest("input, button, select")) this.root.focus({ preventScroll: true })
    })
  }

  get levelNames() {
    return [...this.levels.options].map((option) => option.value)
  }

  /** A sentence that goes by itself, or stays until it is closed. @param {string} text @param {boolean} [stays] */
  say(text, stays = false) {
    this.ask(text, stays ? { Close: () => undefined } : {})
    if (!stays) this.saying = setTimeout(() => { this.notice.hidden = true }, 6000)
  }

  /** A sentence with what can be answered to it. @param {string} text @param {Record<string, () => void>} answers */
  ask(text, answers) {
    clearTimeout(this.saying)
    const buttons = Object.entries(answers).map(([label, act]) => button("link", label, () => {
      this.notice.hidden = true
      act()
    }, label))
    this.notice.replaceChildren(text, ...buttons.flatMap((node) => [" ", node]))
    this.notice.hidden = false
  }

  /** What the next click does, said below the chart; null when it does nothing. @param {string | null} text @param {string} [keys] how to do it by keys */
  hintAt(text, keys = "") {
    this.hint.hidden = text === null
    if (text !== null) this.hint.replaceChildren(text, el("span", "keys", keys))
  }

  /** How far the legend and the tools reach into the chart, in pixels. */
  get covered() {
    const { top } = this.chart.getBoundingClientRect()
    return Math.max(0, ...[this.legendBox, this.toolbar].map((one) => one.getBoundingClientRect()).filter((box) => box.top < top + 40).map((box) => box.bottom - top))
  }

  /** A sheet over the chart; null closes it. @param {HTMLElement | null} node */
  sheet(node) {
    this.over.hidden = node === null
    if (node) this.over.replaceChildren(node)
  }

  /** Whether a sheet is open. */
  get sheeted() {
    return !this.over.hidden
  }

  /** @param {import("./candles.mjs").Candle} bar @param {number} decimals @param {boolean} intraday */
  legend(bar, decimals, intraday) {
    const pair = (/** @type {string} */ name, /** @type {string} */ value) => el("span", "", el("i", "", name), value)
    const change = bar.open ? ((bar.close - bar.open) / bar.open) * 100 : 0
    this.ohlc.replaceChildren(el("b", "", `#${bar.first.toLocaleString("en-US")}`), when(bar.time, intraday), pair("O", price(bar.open, decimals)), pair("H", price(bar.high, decimals)),
      pair("L", price(bar.low, decimals)), pair("C", price(bar.close, decimals)), `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(2)}%`, pair("Vol", volume(bar.volume)))
  }

  /** @param {string} text */
  fail(text) {
    this.root.replaceChildren(el("div", "failed", `The board could not be opened: ${text}`))
    this.root.dataset.failed = text
  }

  destroy() {
    clearTimeout(this.saying)
  }
}

/** @template {HTMLElement} Node @param {Node} node */
function hidden(node) {
  node.hidden = true
  return node
}
