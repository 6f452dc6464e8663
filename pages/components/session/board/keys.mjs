// The keyboard of the board: which key does what, in one list that the help shows too.
import { button, el } from "./looks.mjs"

/** @typedef {{ keys: string[], label: string, act: (key: string) => void }} Key */

/** The name by which a key is looked up: letters in small, digits by their place so that a shifted one is found. @param {KeyboardEvent} event */
export function keyName(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)
  const plain = digit ? (digit[1] ?? "") : event.key.length === 1 ? event.key.toLowerCase() : event.key
  const shifted = event.shiftKey && (digit !== null || /^[a-z]$/.test(plain))
  return shifted ? `Shift+${plain}` : plain
}

/** Whether a key belongs to a field in which somebody writes. @param {KeyboardEvent} event */
export function isTyped(event) {
  const target = event.composedPath()[0]
  return target instanceof Element && target.matches("input, textarea, select, [contenteditable=true]")
}

/** @param {Key[]} keys */
export class Keys {
  /** @param {Key[]} keys @param {() => boolean} alive */
  constructor(keys, alive) {
    this.keys = keys
    /** @type {Map<string, Key>} */
    this.byName = new Map(keys.flatMap((key) => key.keys.map((name) => /** @type {[string, Key]} */ ([name, key]))))
    this.listen = (/** @type {KeyboardEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyped(event) || !alive()) return
      const name = keyName(event)
      const key = this.byName.get(name)
      if (!key) return
      event.preventDefault()
      event.stopImmediatePropagation()
      key.act(name)
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
