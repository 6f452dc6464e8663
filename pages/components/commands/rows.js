// Going through a list by J and K and opening its row by Enter: cards and lines of our own components by the focus,
// Streamlit's tables, which are drawn on a canvas, by a bar over the row.

const OWN = ".cell, .waiting, .run-card, a.card, .queue button, table.sessions button"

/** Every shadow root under a node, the node's own tree included. @param {ParentNode} root @returns {ParentNode[]} */
function trees(root) {
  const nodes = /** @type {Element[]} */ ([...root.querySelectorAll("*")])
  return [root, ...nodes.flatMap((node) => (node.shadowRoot ? trees(node.shadowRoot) : []))]
}

/** The rows of our own lists in the middle of the page. @returns {HTMLElement[]} */
function ownRows() {
  const main = document.querySelector('[data-testid="stMain"]')
  if (!main) return []
  const found = /** @type {HTMLElement[]} */ (trees(main).flatMap((tree) => [...tree.querySelectorAll(OWN)]))
  return found.filter((node) => node.getClientRects().length)
}

/** @typedef {{ frame: HTMLElement, canvas: HTMLCanvasElement, scroller: HTMLElement | null, rows: number, head: number, height: number }} Grid */

/** The first table of the page, with the height of its rows in pixels. @returns {Grid | null} */
function grid() {
  const frames = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-testid="stMain"] [data-testid="stDataFrame"]'))
  for (const frame of frames) {
    const canvas = frame.querySelector('canvas[data-testid="data-grid-canvas"]')
    const table = frame.querySelector("canvas table")
    if (!(canvas instanceof HTMLCanvasElement) || !table) continue
    const rows = Number(table.getAttribute("aria-rowcount")) - 1
    const inner = frame.querySelector(".dvn-scroll-inner")
    const scroller = frame.querySelector(".dvn-scroller")
    if (rows < 1 || !(inner instanceof HTMLElement)) continue
    const whole = Math.max(inner.scrollHeight, inner.offsetHeight)
    // The heading is a second canvas over the first; what is left of the whole belongs to the rows.
    const heading = frame.querySelector("canvas:not([data-testid])")
    const height = Math.round((whole - (heading?.clientHeight ?? 33)) / rows)
    if (height < 1) continue
    return { frame, canvas, scroller: scroller instanceof HTMLElement ? scroller : null, rows, head: whole - height * rows, height }
  }
  return null
}

class Rows {
  constructor() {
    this.at = -1
    this.frame = /** @type {HTMLElement | null} */ (null)
    this.bar = el("div")
    this.bar.dataset.testid = "row-cursor"
    this.bar.style.cssText = "position:fixed;pointer-events:none;z-index:1;border:2px solid #4f6ddf;border-radius:3px;box-sizing:border-box"
  }

  /** One row on or back. @param {1 | -1} step @returns {boolean} whether there is a list */
  go(step) {
    const own = ownRows()
    if (own.length) {
      const current = own.findIndex((node) => node === focusedIn(node))
      const next = own[Math.max(0, Math.min(own.length - 1, current < 0 ? (step > 0 ? 0 : own.length - 1) : current + step))]
      next?.focus()
      next?.scrollIntoView({ block: "nearest" })
      return true
    }
    const table = grid()
    if (!table) return false
    if (table.frame !== this.frame) this.at = -1
    this.frame = table.frame
    this.at = Math.max(0, Math.min(table.rows - 1, this.at + step))
    this.show(table)
    return true
  }

  /** @param {Grid} table */
  show(table) {
    const { scroller, head, height } = table
    if (scroller) {
      const top = this.at * height
      const room = scroller.clientHeight - head
      if (top < scroller.scrollTop) scroller.scrollTop = top
      else if (top + height > scroller.scrollTop + room) scroller.scrollTop = top + height - room
    }
    table.frame.scrollIntoView({ block: "nearest" })
    requestAnimationFrame(() => {
      const box = table.canvas.getBoundingClientRect()
      const top = box.top + head + this.at * height - (scroller?.scrollTop ?? 0)
      Object.assign(this.bar.style, { left: `${box.left}px`, width: `${box.width}px`, top: `${top}px`, height: `${height}px` })
      document.body.append(this.bar)
    })
  }

  /** Opens the row under the bar as a click on it does. @returns {boolean} */
  open() {
    const table = this.at >= 0 && this.bar.isConnected ? grid() : null
    if (!table) return false
    const box = this.bar.getBoundingClientRect()
    const at = { clientX: box.left + Math.min(90, box.width / 2), clientY: box.top + box.height / 2, bubbles: true, composed: true, cancelable: true }
    const pointer = { ...at, pointerId: 1, pointerType: "mouse", isPrimary: true }
    const target = table.scroller ?? table.canvas
    target.dispatchEvent(new PointerEvent("pointermove", { ...pointer, button: -1 }))
    // The table takes the position of the pointer in its next frame.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      target.dispatchEvent(new PointerEvent("pointerdown", { ...pointer, buttons: 1 }))
      target.dispatchEvent(new PointerEvent("pointerup", pointer))
      target.dispatchEvent(new MouseEvent("click", { ...at, detail: 1 }))
    }))
    this.hide()
    return true
  }

  hide() {
    this.bar.remove()
    this.at = -1
  }
}
