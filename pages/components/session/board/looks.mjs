// How verdicts and kinds look: the same colours and words as on the other screens.

/** @type {Record<string, string>} */
export const COLORS = { ".": "#4F74EA", r: "#2E9E68", w: "#DE5B53", m: "#8E6BDD", u: "#7F8C9D", c: "#7F8C9D", x: "#C97F1A" }
export const NEUTRAL = "#7F8C9D"
export const CLASSIC = { up: "#2E9E68", down: "#DE5B53" }

/** @typedef {{ verdict: string, letter: string, color: string, symbol: string, label: string, key: string }} VerdictLook */
/** @type {VerdictLook[]} */
export const VERDICTS = [
  { verdict: "confirmed", letter: "r", color: "green", symbol: "check_circle", label: "Right", key: "1" },
  { verdict: "false_positive", letter: "w", color: "red", symbol: "cancel", label: "Wrong", key: "2" },
  { verdict: "adjustment", letter: "m", color: "violet", symbol: "moving", label: "Moved", key: "3" },
  { verdict: "unsure", letter: "u", color: "gray", symbol: "help", label: "Unsure", key: "4" },
  { verdict: "false_negative", letter: "x", color: "orange", symbol: "add_location_alt", label: "Missed", key: "M" },
]
/** @type {VerdictLook} */
export const OPEN = { verdict: "", letter: ".", color: "blue", symbol: "radio_button_unchecked", label: "Not judged", key: "" }

/** @param {string | undefined} letter */
export const lookOf = (letter) => VERDICTS.find((look) => look.letter === letter) ?? OPEN

/** @param {string} hex @param {number} a 0 to 1 */
export const alpha = (hex, a) => `${hex}${Math.round(a * 255).toString(16).padStart(2, "0")}`

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {string} [cls] @param {(Node | string | null | undefined | (Node | string)[])[]} children
 */
export function el(tag, cls, ...children) {
  const node = document.createElement(tag)
  if (cls) node.className = cls
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== "") node.append(child)
  return node
}

/** @param {string} name */
export function icon(name) {
  const node = el("span", "icon", name)
  node.setAttribute("aria-hidden", "true")
  return node
}

/** @param {string} cls @param {string} label @param {() => void} act @param {(Node | string)[]} children */
export function button(cls, label, act, ...children) {
  const node = el("button", cls, ...children)
  node.type = "button"
  node.setAttribute("aria-label", label)
  node.onclick = () => {
    act()
    node.blur() // the next key is for the board
  }
  return node
}

/** Writes only what changed: a text that stays costs no layout. @param {HTMLElement} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text
}
