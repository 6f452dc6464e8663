// What stands around the chart: the mark in question, how many have which verdict, what was judged last, the bar.
import { counted, price, when } from "./core.mjs"
import { button, COLORS, el, icon, lookOf, VERDICTS, write } from "./looks.mjs"

/** @typedef {import("./marks.mjs").Mark} Mark */
/** @typedef {{ mark: Mark | null, made: { name: string, index: number, number: number, of: number } | null, place: number, total: number, letters: string[], missed: number, time: number | null, decimals: number, intraday: boolean, open: boolean, reasons: string[],
 *   labelling: boolean, recent: { i: number, letter: string, name: string, anchor: number }[], present: string[], blind: boolean, others: { name: string, letter: string }[] }} PanelData */

const RECENT = 7

export class Panel {
  /** @param {{ go: (i: number) => void, reason: (text: string) => void}} acts */
  constructor(acts) {
    this.acts = acts
    this.place = el("span", "muted")
    this.badgeIcon = icon("")
    this.badgeText = el("span")
    this.badge = el("span", "badge", this.badgeIcon, this.badgeText)
    this.name = el("h3")
    this.others = el("div", "others")
    this.present = el("div", "present small", icon("group"), el("span"))
    /** @type {Record<string, HTMLElement>} */
    this.facts = { candle: el("dd"), price: el("dd"), late: el("dd"), sure: el("dd") }
    const labels = { candle: "Candle", price: "Price", late: "Confirmed", sure: "Confidence" }
    const facts = Object.entries(labels).flatMap(([key, label]) => [el("dt", "", label), /** @type {HTMLElement} */ (this.facts[key])])
    const mark = el("section", "card mark", el("div", "head", this.place, this.badge), this.name, el("dl", "", facts), this.others)
    /** @type {Record<string, { fill: HTMLElement, value: HTMLElement }>} */
    this.parts = {}
    const stack = el("div", "stack")
    const list = el("div", "tallies")
    for (const { letter, label } of [...VERDICTS, { letter: ".", label: "Open" }]) {
      const color = COLORS[letter] ?? ""
      const part = { fill: el("i"), value: el("b") }
      part.fill.style.background = letter === "." ? "transparent" : color
      const dot = el("i")
      dot.style.background = letter === "." ? "transparent" : color
      dot.style.boxShadow = `inset 0 0 0 1.5px ${color}`
      stack.append(part.fill)
      list.append(el("div", "", dot, el("span", "", label), part.value))
      this.parts[letter] = part
    }
    this.progress = el("div", "muted small")
    const tally = el("section", "card", el("div", "head", el("span", "muted", "Judged")), stack, list, this.progress)
    this.rows = Array.from({ length: RECENT }, () => el("button", "row", icon(""), el("span", "what"), el("span", "muted")))
    this.nothing = el("div", "muted small", "Your verdicts show up here.")
    const recent = el("section", "card recent", el("div", "head", el("span", "muted", "Just judged")), this.nothing, this.rows)
    this.reasons = el("div", "reasons")
    this.reasonsCard = el("section", "card", el("div", "head", el("span", "muted", "Quick reasons")), this.reasons)
    this.root = el("aside", "side", this.present, mark, tally, this.reasonsCard, recent)
    this.drawnReasons = ""
    this.drawnOthers = "-"
  }

  /** @param {PanelData} its */
  draw(its) {
    const { mark, made } = its
    write(this.place, mark ? `Mark ${its.place + 1} of ${its.total.toLocaleString("en-US")}` : made ? `Your place ${made.number} of ${made.of}` : "No marks")
    const look = lookOf(mark ? its.letters[its.place] : made ? "x" : ".")
    this.badge.className = `badge ${look.color}`
    write(this.badgeIcon, look.symbol)
    write(this.badgeText, look.label)
    write(this.name, mark?.label ?? made?.name ?? (its.labelling ? "No detector yet: press M and mark the places" : "Nothing was found in this window"))
    const facts = mark ? factsOf(mark, its) : { candle: made ? candleOf(made.index, its) : "–", price: "–", late: "–", sure: "–" }
    for (const [key, value] of Object.entries(facts)) write(/** @type {HTMLElement} */ (this.facts[key]), value)
    const n = counted(its.letters, its.missed)
    const total = its.letters.length + its.missed || 1
    for (const [letter, part] of Object.entries(this.parts)) {
      part.fill.style.width = `${((n[letter] ?? 0) / total) * 100}%`
      write(part.value, String(n[letter] ?? 0))
    }
    write(this.progress, `${(its.letters.length - (n["."] ?? 0)).toLocaleString("en-US")} of ${its.letters.length.toLocaleString("en-US")} judged`)
    this.present.hidden = !its.present.length
    write(/** @type {HTMLElement} */ (this.present.lastElementChild), `Also here: ${its.present.join(", ")}`)
    this.drawOthers(its)
    this.drawRecent(its)
    this.drawReasons(its)
  }

  /** Other people's verdicts on the mark in question; in a blind review once the person has given one. @param {PanelData} its */
  drawOthers({ mark, others, blind, letters, place }) {
    const theirs = others.filter(({ letter }) => letter !== ".")
    const waits = blind && others.length > 0 && letters[place] === "."
    const text = mark ? JSON.stringify([theirs, waits]) : ""
    if (text === this.drawnOthers) return
    this.drawnOthers = text
    const rows = theirs.map(({ name, letter }) => {
      const look = lookOf(letter)
      return el("div", "", el("span", "muted", name), el("span", `badge ${look.color}`, icon(look.symbol), el("span", "", look.label)))
    })
    this.others.replaceChildren(...rows, ...(waits ? [el("div", "muted small", "Others' verdicts show once you have judged the mark.")] : []))
    this.others.hidden = !mark || (!rows.length && !waits)
  }

  /** @param {PanelData} its */
  drawRecent(its) {
    this.rows.forEach((row, k) => {
      const item = its.recent[k]
      row.hidden = !item
      if (!item) return
      const look = lookOf(item.letter)
      row.type = "button"
      row.className = `row ${look.color}`
      const [symbol, what, where] = /** @type {HTMLElement[]} */ ([...row.children])
      if (symbol && what && where) {
        write(symbol, look.symbol)
        write(what, item.name)
        write(where, `#${item.anchor.toLocaleString("en-US")}`)
      }
      row.onclick = () => this.acts.go(item.i)
    })
    this.nothing.hidden = its.recent.length > 0
  }

  /** @param {PanelData} its */
  drawReasons(its) {
    const text = JSON.stringify([its.reasons, its.open])
    if (text === this.drawnReasons) return
    this.drawnReasons = text
    this.reasonsCard.hidden = !its.reasons.length || !its.open
    this.reasons.replaceChildren(...its.reasons.map((reason, k) => button("chip", `Reason: ${reason}`, () => this.acts.reason(reason), el("kbd", "", `⇧${k + 1}`), reason)))
  }
}

/** @param {number} candle @param {PanelData} its */
const candleOf = (candle, { time, intraday }) => `#${candle.toLocaleString("en-US")}${time === null ? "" : ` · ${when(time, intraday)}`}`

/** @param {Mark} mark @param {PanelData} its */
function factsOf(mark, its) {
  const { decimals } = its
  const late = mark.conf - mark.anchor
  return {
    candle: candleOf(mark.anchor, its),
    price: mark.zone ? `${price(mark.low ?? NaN, decimals)} – ${price(mark.high ?? NaN, decimals)}` : price(mark.price ?? NaN, decimals),
    late: `${late} candle${late === 1 ? "" : "s"} later`,
    sure: mark.confidence === null ? "–" : `${Math.round(mark.confidence * 100)}%`,
  }
}

const SEVERITIES = [{ value: "", label: "Normal", color: "" }, { value: "high", label: "High", color: "red" }, { value: "low", label: "Low", color: "gray" }]

export class Bar {
  weighed = 0

  /** @param {{ go: (by: number) => void, judge: (verdict: string) => void, undo: () => void, attach: () => void }} acts */
  constructor(acts) {
    /** @type {Record<string, HTMLButtonElement>} */
    this.buttons = {}
    const make = (/** @type {string} */ cls, /** @type {string} */ symbol, /** @type {string} */ label, /** @type {string} */ key, /** @type {() => void} */ act) =>
      button(cls, label, act, icon(symbol), el("span", "", label), el("kbd", "", key))
    const verdicts = VERDICTS.map(({ verdict, color, symbol, label, key }) => (this.buttons[verdict] = make(`verdict ${color}`, symbol, label, key, () => acts.judge(verdict))))
    this.undo = make("go", "undo", "Undo", "Z", acts.undo)
    this.attach = make("go", "attach_file", "Attach", "A", acts.attach)
    this.reason = el("input", "reason")
    this.reason.placeholder = "Reason (optional), saved with the verdict"
    this.reason.setAttribute("aria-label", "Reason")
    this.reason.maxLength = 2000
    this.reason.onkeydown = (event) => {
      if (event.key === "Escape" || event.key === "Enter") this.reason.blur()
    }
    this.closed = el("div", "closed", icon("lock"), el("span", "", "Read only"))
    this.closed.hidden = true
    this.stateIcon = icon("cloud_done")
    this.stateText = el("span", "", "All saved")
    this.state = el("div", "state", this.stateIcon, this.stateText)
    this.state.setAttribute("role", "status")
    this.severityText = el("span", "", "Normal")
    this.severity = button("go", "Severity", () => this.weigh(), icon("flag"), this.severityText, el("kbd", "", "S"))
    this.root = el("div", "bar", make("go", "chevron_left", "Back", "K", () => acts.go(-1)), el("div", "verdicts", verdicts),
      make("go", "chevron_right", "Next", "J", () => acts.go(1)), this.undo, this.attach, this.severity, this.reason, this.closed, this.state)
  }

  /** @param {boolean} open @param {boolean} undoable @param {string} why it can't be judged */
  draw(open, undoable, why) {
    for (const one of Object.values(this.buttons)) one.disabled = !open
    this.closed.hidden = open || !why
    write(/** @type {HTMLElement} */ (this.closed.lastElementChild), why)
    this.reason.hidden = this.attach.hidden = this.severity.hidden = !open
    this.undo.disabled = !open || !undoable
  }

  /** @param {{ pending: unknown[], tries: number, held: boolean, unkept: boolean }} box */
  saving({ pending, tries, held, unkept }) {
    const n = pending.length
    const away = tries > 0 || held
    const text = !n ? "All saved" : unkept ? `${n} not saved yet; keep this tab open` : away ? `${n} kept in this browser, trying again` : `Saving ${n}`
    this.state.className = `state ${n && (away || unkept) ? "orange" : ""}`
    write(this.stateIcon, !n ? "cloud_done" : away ? "cloud_off" : "cloud_upload")
    write(this.stateText, text)
  }

  /** How much the next verdict matters: normal, high, low. */
  weigh() {
    this.weighed = (this.weighed + 1) % SEVERITIES.length
    const one = SEVERITIES[this.weighed]
    write(this.severityText, one?.label ?? "")
    this.severity.className = `go ${one?.color ?? ""}`
  }

  /** The severity for the judgement that takes it along; the next one is normal again. @returns {{ severity?: string }} */
  weight() {
    const { value } = SEVERITIES[this.weighed] ?? {}
    this.weighed = SEVERITIES.length - 1
    this.weigh()
    return value ? { severity: value } : {}
  }

  /** @param {string} verdict */
  flash(verdict) {
    const hit = this.buttons[verdict]
    hit?.classList.add("hit")
    setTimeout(() => hit?.classList.remove("hit"), 130)
  }
}
