/** @param {PatternItem} item @param {string} selected @param {(id: string) => void} open */
function pattern(item, selected, open) {
  const node = press(item.spoken, `pattern ${item.color}`, () => open(item.id), icon(item.symbol), el("span", "label", item.name), item.unread && el("span", "unread", item.unread), el("span", "rate", item.rate))
  node.title = item.spoken
  if (item.id === selected) node.setAttribute("aria-current", "page")
  return node
}

/** @type {WeakMap<HTMLElement, string>} */
const drawn = new WeakMap()

/** @param {Components["pattern_list"]} component */
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const list = need(parentElement, "nav")
  const text = JSON.stringify(data)
  if (drawn.get(list) === text) return
  drawn.set(list, text)
  /** @param {string} id */
  const open = (id) => setTriggerValue("open", id)
  const rows = data.groups.flatMap((group) => [el("div", "group", group.name), ...group.items.map((item) => pattern(item, data.selected, open))])
  list.replaceChildren(...(rows.length ? rows : [el("div", "none", data.none)]))
}
