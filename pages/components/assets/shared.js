/** @typedef {Node | string | number | boolean | null | undefined} Part */

/**
 * Text reaches the page by text nodes alone, never as markup.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [cls]
 * @param {(Part | Part[])[]} children
 */
function el(tag, cls, ...children) {
  const node = document.createElement(tag)
  if (cls) node.className = cls
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false || child === "") continue
    node.append(child instanceof Node ? child : document.createTextNode(String(child)))
  }
  return node
}

/** @param {string} name @param {string} [cls] */
function icon(name, cls = "") {
  const node = el("span", `icon ${cls}${name === "progress_activity" ? " spin" : ""}`, name)
  node.setAttribute("aria-hidden", "true")
  return node
}

/** @param {LookJson} look */
function badge(look) {
  return el("span", `badge ${look.color}`, icon(look.symbol), look.label)
}

/** @param {number} fraction @param {string} color */
function bar(fraction, color) {
  const fill = el("i")
  fill.style.width = `${Math.max(0, Math.min(1, fraction)) * 100}%`
  return el("div", `bar ${color}`, fill)
}

/**
 * @param {string | null} label
 * @param {string | undefined} cls
 * @param {(() => void) | null} act
 * @param {(Part | Part[])[]} children
 */
function press(label, cls, act, ...children) {
  const node = el("button", cls, ...children)
  node.type = "button"
  if (label) node.setAttribute("aria-label", label)
  node.onclick = act
  return node
}

/**
 * What a component's HTML holds; it is missing only when the two were changed apart from each other.
 * @template {HTMLElement} [Found=HTMLElement]
 * @param {ParentNode} parent
 * @param {string} selector
 * @returns {Found}
 */
function need(parent, selector) {
  const node = parent.querySelector(selector)
  if (!(node instanceof HTMLElement)) throw new Error(`The component has no ${selector}.`)
  return /** @type {Found} */ (node)
}

/** @param {Node} node */
function focusedIn(node) {
  const root = node.getRootNode()
  return root instanceof ShadowRoot || root instanceof Document ? root.activeElement : null
}
