/** @param {RowCard} card @param {() => void} open */
function entry({ title, badges, facts }, open) {
  const values = facts.flatMap(([name, value]) => [el("span", "muted", name), el("span", "value", value)])
  return press(title, "entry", open,
    el("span", "entryhead", el("span", "strong", title), el("span", "stretch"), badges.map(({ color, label }) => el("span", `badge ${color}`, label))),
    el("span", "values", values))
}

/** @type {WeakMap<HTMLElement, string>} */
const listed = new WeakMap()

/** @param {Components["rows"]} component */
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = need(parentElement, ".root")
  const text = JSON.stringify(data)
  if (listed.get(root) === text) return
  listed.set(root, text)
  const list = el("div", "cards", data.cards.map((card, at) => entry(card, () => setTriggerValue("open", at))))
  list.setAttribute("role", "group")
  list.setAttribute("aria-label", data.label)
  root.replaceChildren(list)
}
