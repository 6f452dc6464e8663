const LOOK_MS = 10000
const AWAY_MS = 30000

/** @typedef {Components["follow"]} FollowComponent */

// Listens for news and asks for the fragment again. A tab that nobody sees keeps no connection: a browser has few for
// one server. It connects again when it is seen, and the stream says at once whether something came meanwhile.
class News {
  /** @param {HTMLElement} root @param {FollowComponent} component */
  constructor(root, component) {
    this.offline = need(root, ".offline")
    this.send = component.setTriggerValue
    this.running = component.data.running
    this.born = Date.now()
    this.left = 0
    this.live = new Live(this)
    this.seen = () => this.visible()
    document.addEventListener("visibilitychange", this.seen)
    this.timer = setInterval(() => this.second(), 1000)
  }

  take() { /* the stream of changes carries no entries */ }

  /** @param {FollowComponent} component */
  update({ data, setTriggerValue }) {
    this.send = setTriggerValue
    this.running = data.running
    this.live.use(data.url, data.seen)
  }

  second() {
    if (document.hidden) {
      if (this.left && Date.now() - this.left > AWAY_MS) this.live.close()
      return
    }
    const waited = Date.now() - Math.max(this.born, this.live.refreshed)
    if ((this.running || !this.offline.hidden) && waited > LOOK_MS) this.live.refresh()
  }

  visible() {
    if (document.hidden) {
      this.left = Date.now()
      return
    }
    if (!this.live.source) this.live.open()
    if (this.left && Date.now() - this.left > AWAY_MS) this.live.refresh()  // "5 min ago" has become another number
    this.left = 0
  }

  close() {
    clearInterval(this.timer)
    document.removeEventListener("visibilitychange", this.seen)
    this.live.close()
  }
}

/** @type {WeakMap<HTMLElement, News>} */
const following = new WeakMap()

/** @param {FollowComponent} component */
export default function (component) {
  const root = need(component.parentElement, ".root")
  const news = following.get(root) ?? new News(root, component)
  following.set(root, news)
  news.update(component)
  return () => {
    following.get(root)?.close()
    following.delete(root)
  }
}
