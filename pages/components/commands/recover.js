// A fault in the browser's side of Streamlit takes the whole page away and leaves it white, with no word. What people did is
// on the server, so the page is loaded again; not in a circle, should the fault come back at once.
const WHITE_MS = 1000
const AGAIN_MS = 20000
const LAST = "patterndesk-recovered"

/** Watches over the page, once for a page that was loaded. */
function recover() {
  const page = document.getElementById("root")
  if (!page || page.dataset["watched"]) return
  page.dataset["watched"] = "true"
  const isWhite = () => page.childElementCount === 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later = undefined
  new MutationObserver(() => {
    clearTimeout(later)
    if (!isWhite()) return
    later = setTimeout(() => {
      if (!isWhite() || Date.now() - Number(sessionStorage.getItem(LAST) ?? 0) < AGAIN_MS) return
      sessionStorage.setItem(LAST, String(Date.now()))
      window.location.reload()
    }, WHITE_MS)
  }).observe(page, { childList: true })
}
