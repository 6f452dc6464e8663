// Text reaches the page by text nodes alone, never as markup.
function el(tag, cls, ...children) {
  const node = document.createElement(tag)
  if (cls) node.className = cls
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false || child === "") continue
    node.append(child instanceof Node ? child : document.createTextNode(String(child)))
  }
  return node
}

function icon(name, cls = "") {
  const node = el("span", `icon ${cls}${name === "progress_activity" ? " spin" : ""}`, name)
  node.setAttribute("aria-hidden", "true")
  return node
}

function badge(look) {
  return el("span", `badge ${look.color}`, icon(look.symbol), look.label)
}

function bar(fraction, color) {
  const fill = el("i")
  fill.style.width = `${Math.max(0, Math.min(1, fraction)) * 100}%`
  return el("div", `bar ${color}`, fill)
}

function press(label, cls, act, ...children) {
  const node = el("button", cls, ...children)
  node.type = "button"
  if (label) node.setAttribute("aria-label", label)
  node.onclick = act
  return node
}
