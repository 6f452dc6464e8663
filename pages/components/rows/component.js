/** @param {RowCard} card @param {() => void} open */
function entry({ title, badges, facts }, open) {
  const values = facts.flatMap(([name, value]) => [el("span", "muted", name), el("span", "value", value)])
  return press(title, "entry", open,
    el("span", "entryhead", el("span", "strong", title), el("span", "stretch"), badges.map(({ color, label }) => el("span", `badge ${color}`, label))),
    el("span", "values", values))
}

/** A box beside a row, with room around it for a finger. @param {string} title @param {() => void} change */
function box(title, change) {
  const input = el("input")
  input.type = "checkbox"
  input.setAttribute("aria-label", `Tick ${title}`)
  input.onchange = change
  return input
}

/** @type {WeakMap<HTMLElement, { text: string, boxes: HTMLInputElement[] }>} */
const listed = new WeakMap()

/** @param {Components["rows"]} component */
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = need(parentElement, ".root")
  const ticked = data.ticked
  const text = JSON.stringify([data.cards, data.label, ticked !== null])
  let known = listed.get(root)
  if (known?.text !== text) {
    /** @type {HTMLInputElement[]} */
    const boxes = []
    const tick = () => setTriggerValue("tick", boxes.flatMap((each, at) => each.checked ? [at] : []))
    const list = el("div", "cards", data.cards.map((card, at) => {
      const row = entry(card, () => setTriggerValue("open", at))
      if (ticked === null) return row
      const its = box(card.title, tick)
      boxes.push(its)
      return el("div", "tickable", el("label", "tick", its), row)
    }))
    list.setAttribute("role", "group")
    list.setAttribute("aria-label", data.label)
    root.replaceChildren(list)
    known = { text, boxes }
    listed.set(root, known)
  }
  known.boxes.forEach((each, at) => { each.checked = ticked?.includes(at) ?? false })
}
