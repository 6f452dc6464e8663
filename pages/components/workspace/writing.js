// Beside Streamlit's chat box: names after an @, and what was typed is kept until it is sent.
const MOST = 8
const LOOK_MS = 700

/** @returns {HTMLTextAreaElement | null} */
const chatBox = () => document.querySelector('[data-testid="stChatInputTextArea"]')

/** Sets the text as typing does, so that Streamlit takes note of it. @param {HTMLTextAreaElement} box @param {string} text */
function write(box, text) {
  const setter = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value")?.set
  setter?.call(box, text)
  box.dispatchEvent(new Event("input", { bubbles: true }))
}

class Writing {
  /** @param {HTMLElement} root */
  constructor(root) {
    /** @type {string[]} */
    this.people = []
    this.draft = ""
    /** @type {string[]} */
    this.fitting = []
    this.at = 0
    this.list = el("div", "names")
    this.list.setAttribute("role", "listbox")
    this.list.setAttribute("aria-label", "People")
    this.list.hidden = true
    root.replaceChildren(this.list)
    this.input = (/** @type {Event} */ event) => { if (event.target === chatBox()) this.typed(/** @type {HTMLTextAreaElement} */ (event.target)) }
    this.key = (/** @type {KeyboardEvent} */ event) => { if (event.target === chatBox()) this.pressed(event) }
    document.addEventListener("input", this.input)
    window.addEventListener("keydown", this.key, true)
    // A sent text leaves the box empty without an event of its own.
    this.timer = setInterval(() => this.look(), LOOK_MS)
  }

  /** @param {Components["writing"]["data"]} data */
  update(data) {
    this.people = data.people
    if (data.draft === this.draft) return
    this.draft = data.draft
    this.restored = false
    this.look()
  }

  look() {
    const box = chatBox()
    if (!box || box.disabled) return
    if (!this.restored) {
      this.restored = true
      const kept = localStorage.getItem(this.draft)
      if (kept && !box.value) write(box, kept)
    } else if (!box.value) localStorage.removeItem(this.draft)
  }

  /** @param {HTMLTextAreaElement} box */
  typed(box) {
    this.restored = true
    if (box.value) localStorage.setItem(this.draft, box.value)
    else localStorage.removeItem(this.draft)
    const asked = /(?:^|\s)@([\p{L}\p{N} .'-]{0,40})$/u.exec(box.value.slice(0, box.selectionStart))
    const words = asked?.[1]?.toLowerCase()
    this.fitting = words === undefined ? [] : this.people.filter((name) => name.toLowerCase().startsWith(words) || name.toLowerCase().split(/\s+/).some((part) => words && part.startsWith(words))).slice(0, MOST)
    this.at = 0
    this.show(box)
  }

  /** @param {HTMLTextAreaElement} box */
  show(box) {
    this.list.hidden = !this.fitting.length
    if (this.list.hidden) return
    this.list.replaceChildren(...this.fitting.map((name, k) => {
      const node = el("div", "name", name)
      node.setAttribute("role", "option")
      node.setAttribute("aria-selected", String(k === this.at))
      node.onpointerdown = (event) => { event.preventDefault(); this.take(box, k) }
      return node
    }))
    const place = box.getBoundingClientRect()
    this.list.style.left = `${place.left}px`
    this.list.style.bottom = `${window.innerHeight - place.top + 6}px`
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (this.list.hidden) return
    const box = /** @type {HTMLTextAreaElement} */ (event.target)
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) {
      this.at = (this.at + step + this.fitting.length) % this.fitting.length
      this.show(box)
    } else if (event.key === "Enter" || event.key === "Tab") this.take(box, this.at)
    else if (event.key === "Escape") this.list.hidden = true
    else return
    event.preventDefault()
    event.stopImmediatePropagation()
  }

  /** @param {HTMLTextAreaElement} box @param {number} at */
  take(box, at) {
    const name = this.fitting[at]
    const before = box.value.slice(0, box.selectionStart).replace(/@[^@]*$/u, `@${name} `)
    write(box, before + box.value.slice(box.selectionStart))
    box.setSelectionRange(before.length, before.length)
    this.list.hidden = true
  }

  close() {
    clearInterval(this.timer)
    document.removeEventListener("input", this.input)
    window.removeEventListener("keydown", this.key, true)
  }
}

/** @type {WeakMap<HTMLElement, Writing>} */
const held = new WeakMap()

/** @param {Components["writing"]} component */
export default function (component) {
  const root = need(component.parentElement, ".root")
  const writing = held.get(root) ?? new Writing(root)
  held.set(root, writing)
  writing.update(component.data)
  const host = root.getRootNode()
  const place = host instanceof ShadowRoot ? host.host.closest('[data-testid="stElementContainer"], .stElementContainer') : null
  if (place instanceof HTMLElement) place.style.position = "absolute"
  return () => {
    held.get(root)?.close()
    held.delete(root)
  }
}
