// The keys of every screen. The judging board has its own; there only the palette is listened for here.
/** @typedef {{ keys: string[], label: string, act: (() => boolean) | null }} Key */

/** Whether a key belongs to a field in which somebody writes. @param {KeyboardEvent} event */
function typing(event) {
  const target = event.composedPath()[0]
  return target instanceof Element && target.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]")
}

/** Whether a dialog is open, which has the keys for itself. */
const inDialog = () => document.querySelector('[role="dialog"]') !== null

/** Presses the button that Streamlit drew under this key. @param {string} key */
function pressed(key) {
  const button = document.querySelector(`.st-key-${key} button:not([disabled])`)
  if (!(button instanceof HTMLElement)) return false
  button.click()
  return true
}

/** The field that a dialog begins with, if it has one to write in. @param {Element} dialog @returns {HTMLElement | null} */
const firstField = (dialog) => dialog.querySelector('textarea:not([disabled]), input[type="text"]:not([disabled], [role="combobox"])')

class Commands {
  /** @param {HTMLElement} root */
  constructor(root) {
    /** @type {CommandsData} */
    this.data = { page: "", menu: "", token: "", screens: [], narrow: false }
    this.send = /** @type {Components["commands"]["setTriggerValue"]} */ (() => {})
    this.rows = new Rows()
    this.palette = new Palette((link) => this.send("open", link), () => this.send("renew", { at: Date.now() }))
    this.sheet = el("dialog", "sheet")
    this.sheet.setAttribute("aria-label", "Keys")
    this.sheet.onclick = (event) => { if (event.target === this.sheet) this.sheet.close() }
    root.replaceChildren(this.palette.box, this.sheet)
    this.first = (/** @type {KeyboardEvent} */ event) => this.key(event, true)
    this.last = (/** @type {KeyboardEvent} */ event) => this.key(event, false)
    this.gone = () => this.rows.hide()
    this.phone = window.matchMedia("(max-width: 640px)")
    this.turned = () => this.fit()
    this.phone.addEventListener("change", this.turned)
    /** @type {WeakSet<Element>} dialogs whose first field had the focus */
    this.begun = new WeakSet()
    this.looking = 0
    this.drawn = new MutationObserver(() => { this.looking ||= requestAnimationFrame(() => this.begin()) })
    this.drawn.observe(document.body, { childList: true, subtree: true })
    window.addEventListener("keydown", this.first, true)
    document.addEventListener("keydown", this.last)
    window.addEventListener("resize", this.gone)
    document.addEventListener("pointerdown", this.gone, true)
    document.addEventListener("wheel", this.gone, { capture: true, passive: true })
  }

  /** The keys that mean something on this screen. @returns {Key[]} */
  keys() {
    const review = this.data.page === "review" ? [
      { keys: ["v"], label: "Verify", act: () => pressed("review-verify") },
      { keys: ["r"], label: "Return", act: () => pressed("review-return") },
    ] : []
    return [
      { keys: ["Ctrl+k"], label: "Go to anything: patterns, sessions, executions, people, actions", act: null },
      { keys: ["j"], label: "Next row of a list", act: () => this.rows.go(1) },
      { keys: ["k"], label: "Row before", act: () => this.rows.go(-1) },
      { keys: ["Enter"], label: "Open the row", act: () => this.rows.open() },
      ...review,
      { keys: ["Escape"], label: "", act: () => { this.rows.hide(); return false } },
      { keys: ["?"], label: "These keys", act: () => this.help() },
    ]
  }

  // What is typed as soon as a dialog is there belongs into its field; on a phone that would open the keyboard over it.
  begin() {
    this.looking = 0
    const dialog = document.querySelector('[role="dialog"]')
    if (!dialog || this.begun.has(dialog) || this.phone.matches) return
    const field = firstField(dialog)
    if (!field) return
    this.begun.add(dialog)
    const at = document.activeElement
    if (!(at instanceof HTMLElement && dialog.contains(at) && at.matches("input, textarea, select"))) field.focus()
  }

  /** @param {KeyboardEvent} event @param {boolean} before whether the page has not seen it yet */
  key(event, before) {
    // Streamlit has letters of its own (R draws the page anew, which closes a dialog): none of them is meant there.
    if (before && event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey && inDialog() && !typing(event)) {
      event.stopImmediatePropagation()
      return
    }
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && name === "k") {
      if (!before || this.sheet.open || inDialog()) return
      this.palette.show()
    } else {
      // The board takes its keys before they get to the document; what it leaves is taken there.
      if (before === (this.data.page === "session")) return
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event) || inDialog() || this.palette.box.open) return
      if (this.sheet.open) {
        if (name === "?") this.sheet.close()
        return
      }
      if (this.data.page === "session" && name !== "?") return
      const key = this.keys().find(({ keys }) => keys.includes(name))
      if (!key?.act?.()) return
    }
    event.preventDefault()
    event.stopImmediatePropagation()
  }

  help() {
    const rows = this.keys().filter(({ label }) => label).flatMap(({ keys, label }) => [
      el("dt", "", keys.map((name) => el("kbd", "", name.length === 1 ? name.toUpperCase() : name.replace("Ctrl+k", "Ctrl K")))), el("dd", "", label)])
    const own = this.data.page === "session" ? el("p", "muted small", "The judging board has keys of its own; it shows them by ? while it is there.") : null
    this.sheet.replaceChildren(el("div", "head", el("h2", "", "Keys"), press("Close", "icon-button", () => this.sheet.close(), icon("close"))), el("dl", "", rows), own ?? "")
    this.sheet.showModal()
    return true
  }

  // On a phone tables are drawn as cards, by the server, which knows no width: it is told when it drew for another one.
  fit() {
    if (this.phone.matches !== this.data.narrow) this.send("width", this.phone.matches)
  }

  /** @param {Components["commands"]} component */
  update(component) {
    this.send = component.setTriggerValue
    if (component.data.page !== this.data.page) this.rows.hide()
    this.data = component.data
    this.palette.token = component.data.token
    this.palette.screens = component.data.screens
    markMenu(component.data.menu)
    this.fit()
  }

  close() {
    this.drawn.disconnect()
    cancelAnimationFrame(this.looking)
    this.phone.removeEventListener("change", this.turned)
    window.removeEventListener("keydown", this.first, true)
    document.removeEventListener("keydown", this.last)
    window.removeEventListener("resize", this.gone)
    document.removeEventListener("pointerdown", this.gone, true)
    document.removeEventListener("wheel", this.gone, true)
    this.rows.hide()
  }
}

/** @type {WeakMap<HTMLElement, Commands>} */
const held = new WeakMap()

/** @param {Components["commands"]} component */
export default function (component) {
  const root = need(component.parentElement, ".root")
  oneStep()
  recover()
  const commands = held.get(root) ?? new Commands(root)
  held.set(root, commands)
  commands.update(component)
  // It draws nothing in the page, so it takes no room in it.
  const host = root.getRootNode()
  const place = host instanceof ShadowRoot ? host.host.closest('[data-testid="stElementContainer"], .stElementContainer') : null
  if (place instanceof HTMLElement) place.style.position = "absolute"
  return () => {
    held.get(root)?.close()
    held.delete(root)
  }
}
