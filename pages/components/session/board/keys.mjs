// The keyboard of the board: which key does what, in one list that the help shows too.
import { nextOpen, REASON_KEYS } from "./core.mjs"
import { button, el } from "./looks.mjs"

/** @typedef {{ keys: string[], label: string, act: (key: string) => void, repeats?: boolean }} Key `repeats`: a key that is held down acts again and again */

/** The name by which a key is looked up: letters in small, digits by their place so that a shifted one is found. @param {KeyboardEvent} event */
export function keyName(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)
  const plain = digit ? (digit[1] ?? "") : event.key.length === 1 ? event.key.toLowerCase() : event.key
  const shifted = event.shiftKey && (digit !== null || /^([a-z]|Arrow\w+)$/.test(plain))
  return shifted ? `Shift+${plain}` : plain
}

/** Whether a key belongs to a field in which somebody writes. @param {KeyboardEvent} event */
export function isTyped(event) {
  const target = event.composedPath()[0]
  return target instanceof Element && target.matches("input, textarea, select, [contenteditable=true]")
}

/** What each key does. @param {import("./board.mjs").Board} board @returns {Key[]} */
export function commands(board) {
  const judge = (/** @type {string} */ key, /** @type {string} */ verdict, /** @type {string} */ label) => ({ keys: [key], label, act: () => board.judge(verdict) })
  const at = () => board.scene.current
  return [
    judge("1", "confirmed", "Right"),
    judge("2", "false_positive", "Wrong"),
    judge("3", "adjustment", "Moved: click the candle it belongs to"),
    judge("4", "unsure", "Unsure"),
    judge("m", "false_negative", "Missed: click the candle that should have been marked"),
    { keys: ["j"], label: "Next mark; without a detector, the next place that you made", act: () => board.walk(1), repeats: true },
    { keys: ["k"], label: "Mark before, or the place before", act: () => board.walk(-1), repeats: true },
    { keys: ["Shift+j"], label: "Next mark that is not judged", act: () => board.go(Math.max(0, nextOpen(board.scene.letters, at()))), repeats: true },
    { keys: ["z"], label: "Undo; Ctrl+Z does so too", act: () => board.undo() },
    { keys: ["Delete", "Backspace"], label: "Without a detector: take the place in question away", act: () => board.removePlace() },
    { keys: ["r"], label: "Write a reason", act: () => board.bar.reason.focus() },
    { keys: ["a"], label: "Attach a file; or paste a picture, or drop one", act: () => board.files.choose() },
    { keys: Array.from({ length: REASON_KEYS }, (_, k) => `Shift+${k + 1}`), label: "Quick reason", act: (name) => board.useReason(board.judgements.reasons[Number(name.slice(-1)) - 1] ?? "") },
    { keys: ["g"], label: "Go to a date or to a candle by its number", act: () => board.tools?.goToDate() },
    { keys: ["h"], label: "Hide what came after", act: () => board.tools?.hide() },
    { keys: [".", ","], label: "One candle on or back while it is hidden", act: (name) => board.tools?.step(name === "." ? 1 : -1), repeats: true },
    { keys: ["p"], label: "Play what is hidden", act: () => board.tools?.play() },
    { keys: ["x"], label: "Measure", act: () => board.tools?.pick("measure") },
    { keys: ["c"], label: "Green and red candles", act: () => board.tools?.colours() },
    { keys: ["l"], label: "Logarithmic prices", act: () => board.chart?.logarithmic() },
    { keys: ["t"], label: "Longer bars", act: () => board.tools?.nextLevel() },
    { keys: ["+", "="], label: "Zoom in", act: () => board.chart?.zoom(0.7), repeats: true },
    { keys: ["-"], label: "Zoom out", act: () => board.chart?.zoom(1.4), repeats: true },
    { keys: ["0", "f"], label: "Back to the mark", act: () => board.tools?.home() },
    { keys: ["s"], label: "Severity of the next verdict: normal, high, low", act: () => board.bar.weigh() },
    { keys: ["ArrowLeft", "ArrowRight", "Shift+ArrowLeft", "Shift+ArrowRight"], label: "Move the view; while a candle is to be chosen, to the next candle, with ⇧ ten at once", act: (name) => board.arrow(name.endsWith("Left") ? -1 : 1, name.startsWith("Shift")), repeats: true },
    { keys: ["ArrowUp", "ArrowDown"], label: "While a candle is to be chosen: a high or a low", act: (name) => board.tools?.cursorSide(name === "ArrowUp"), repeats: true },
    { keys: ["Enter"], label: "Take the candle that is pointed at", act: () => board.enter() },
    { keys: ["Escape"], label: "", act: () => board.tools?.calm() },
    { keys: ["?", "Shift+?"], label: "These keys", act: () => board.help() },
  ]
}

export class Keys {
  /** @param {Key[]} keys @param {() => boolean} alive */
  constructor(keys, alive) {
    this.keys = keys
    /** @type {Map<string, Key>} */
    this.byName = new Map(keys.flatMap((key) => key.keys.map((name) => /** @type {[string, Key]} */ ([name, key]))))
    this.listen = (/** @type {KeyboardEvent} */ event) => {
      const name = keyName(event)
      const undo = name === "z" && (event.ctrlKey || event.metaKey) // as everywhere else
      if (((event.ctrlKey || event.metaKey) && !undo) || event.altKey || isTyped(event) || !alive()) return
      const key = this.byName.get(name)
      if (!key) return
      event.preventDefault()
      event.stopImmediatePropagation()
      if (!event.repeat || key.repeats) key.act(name)
    }
    document.addEventListener("keydown", this.listen, true)
  }

  /** All keys in a sheet over the chart. @param {() => void} close */
  help(close) {
    const rows = this.keys.filter((key) => key.label).flatMap(({ keys, label }) => [el("dt", "", keys.slice(0, 4).map((name) => el("kbd", "", name.replace("Shift+", "⇧").toUpperCase()))), el("dd", "", label)])
    return el("div", "sheet", el("div", "head", el("h3", "", "Keys"), button("tool", "Close", close, "×")), el("dl", "", rows))
  }

  destroy() {
    document.removeEventListener("keydown", this.listen, true)
  }
}
