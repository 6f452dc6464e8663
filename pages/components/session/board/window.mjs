// The row under a dataset's chart: the window that is chosen, in two fields, and what can be started on it.
import { when } from "./core.mjs"
import { button, el, icon, write } from "./looks.mjs"
import { PLACE_FORMS } from "./place.mjs"

/** @typedef {{ start: number, end: number, chosen: boolean, from: number | null, to: number | null }} Shown `from` and `to` are times, where they are known */

export class WindowBar {
  /** @param {{ mayRun: boolean, intraday: boolean, written: (first: string, last: string) => void, clear: () => void, begin: (what: string) => void }} options */
  constructor({ mayRun, intraday, written, clear, begin }) {
    this.intraday = intraday
    this.first = this.field("First candle", () => written(this.first.value, this.last.value))
    this.last = this.field("Last candle", () => written(this.first.value, this.last.value))
    this.words = el("span", "words")
    this.clear = button("go", "Choose no window", clear, icon("close"))
    this.clear.title = "Choose no window"
    const ways = mayRun ? [
      button("begin main", "Run the detector on this window", () => begin("run"), icon("play_arrow"), "Run the detector on this window"),
      button("begin", "Label this window without a detector", () => begin("label"), icon("edit_location_alt"), "Label this window without a detector"),
    ] : []
    this.root = el("div", "bar window", el("div", "ends", this.first, el("span", "muted", "to"), this.last, this.clear), this.words, ...ways)
  }

  /** @param {string} label @param {() => void} changed */
  field(label, changed) {
    const node = el("input", "reason")
    node.setAttribute("aria-label", label)
    node.title = `${label}: its number or a date, as ${PLACE_FORMS} (UTC)`
    node.onchange = changed
    node.onkeydown = (event) => {
      if (event.key === "Enter") node.blur()
    }
    return node
  }

  /** @param {Shown} shown */
  draw({ start, end, chosen, from, to }) {
    const typing = [this.first, this.last].some((field) => field.getRootNode() instanceof ShadowRoot && /** @type {ShadowRoot} */ (field.getRootNode()).activeElement === field)
    if (!typing) [this.first.value, this.last.value] = [start.toLocaleString("en-US"), end.toLocaleString("en-US")]
    const span = from === null || to === null ? "" : ` · ${when(from, this.intraday)} to ${when(to, this.intraday)}`
    write(this.words, `${chosen ? "Chosen" : "In view"}: ${(end - start + 1).toLocaleString("en-US")} candles${span}`)
    this.clear.disabled = !chosen
  }
}
