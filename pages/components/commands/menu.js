// Which entry of the menu at the top a screen belongs to. Streamlit marks it only for screens that the menu itself lists.
const STYLE_ID = "patterndesk-menu"

/** @param {string} menu the path of the entry */
function markMenu(menu) {
  const style = document.getElementById(STYLE_ID) ?? document.head.appendChild(el("style"))
  style.id = STYLE_ID
  const at = CSS.escape(menu)
  const link = menu ? `a[data-testid="stTopNavLink"][href$="/${at}"]` : `a[data-testid="stTopNavLink"][href$="/"]`
  const text = `${link} { background: color-mix(in srgb, currentColor 10%, transparent); }
${link} span { font-weight: 600; }`
  if (style.textContent !== text) style.textContent = text
  for (const node of document.querySelectorAll('a[data-testid="stTopNavLink"]')) {
    const here = new URL(/** @type {HTMLAnchorElement} */ (node).href).pathname.replace(/^\/+/, "") === menu
    if (here) node.setAttribute("aria-current", "page")
    else node.removeAttribute("aria-current")
  }
}
