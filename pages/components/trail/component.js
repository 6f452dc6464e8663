const SAID_MS = 1600

/** @param {StepData} step @param {(link: string) => void} open */
function stepNode({ text, link }, open) {
  if (link === null) {
    const here = el("span", "here", text)
    here.setAttribute("aria-current", "page")
    return el("li", "", here)
  }
  const anchor = el("a", "", text)
  anchor.href = new URL(`./${link.replace(/^\//, "")}`, document.baseURI).href
  anchor.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    open(link)
  }
  return el("li", "", anchor, el("span", "sep muted", "›"))
}

// The clipboard's own way needs https or this machine; elsewhere the older one still works.
/** @param {string} text */
async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text)
    return
  }
  const area = el("textarea")
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand("copy")
  area.remove()
}

/** @param {CopyData} copy */
function copyButton({ name, text, shown }) {
  const label = el("span", "", `${name} `, el("span", "mono", shown))
  const symbol = icon("content_copy")
  const node = press(`Copy ${name} ${shown}`, "copy small muted", null, symbol, label)
  node.title = `Copy ${text}`
  node.onclick = async () => {
    let done = "check"
    try { await copyText(text) } catch { done = "error" }
    symbol.textContent = done
    setTimeout(() => { symbol.textContent = "content_copy" }, SAID_MS)
  }
  return node
}

/** @type {WeakMap<HTMLElement, string>} */
const drawn = new WeakMap()

/** @param {Components["trail"]} component */
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const line = need(parentElement, ".line")
  const text = JSON.stringify(data)
  if (drawn.get(line) === text) return
  drawn.set(line, text)
  const nav = el("nav", "", el("ol", "", data.steps.map((step) => stepNode(step, (link) => setTriggerValue("open", link)))))
  nav.setAttribute("aria-label", "Where this is")
  line.replaceChildren(nav, el("span", "stretch"), ...data.copies.map(copyButton))
}
