// One step of the browser's history for one click. Going from a screen to another, Streamlit first writes the new screen's
// query under the old screen's path and then the new path: two entries, of which the first is an address that nobody
// asked for, where the back button would stop.
const SOON_MS = 5000

/** @typedef {{ path: string, search: string, before: string, at: number }} Written */

/** Joins the two entries into one. Done once for a page that was loaded. */
function oneStep() {
  const history = /** @type {History & { oneStep?: boolean }} */ (window.history)
  if (history.oneStep) return
  history.oneStep = true
  const push = history.pushState.bind(history)
  /** @type {Written | null} */
  let last = null
  /** @param {unknown} state @param {string} unused @param {string | URL | null} [address] */
  history.pushState = (state, unused, address) => {
    const { pathname, search } = window.location
    const to = new URL(String(address ?? window.location.href), window.location.href)
    if (to.pathname === pathname) {
      last = !to.search ? null : { path: pathname, search: to.search, before: search, at: Date.now() }
      push(state, unused, address)
    } else {
      const double = last !== null && last.path === pathname && last.search === to.search && last.before !== to.search && Date.now() - last.at < SOON_MS
      last = null
      if (double) history.replaceState(state, unused, address)
      else push(state, unused, address)
    }
  }
}
