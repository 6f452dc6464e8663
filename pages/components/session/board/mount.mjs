// How a component of the board's folder lives in a page that Streamlit runs again and again.

/**
 * Streamlit mounts a component once and calls this again with new data on a rerun. It also ends a run that newer data
 * overtook, with the component still in the page: what was made ends only when its root is gone.
 * @template {{ turn: number, update: (component: C) => number, destroy: () => void }} Made
 * @template {{ parentElement: HTMLElement | ShadowRoot }} C
 * @param {(component: C) => Made} make
 */
export function mounting(make) {
  /** @type {WeakMap<object, Made>} */
  const held = new WeakMap()
  return (/** @type {C} */ component) => {
    const root = component.parentElement
    const made = held.get(root) ?? make(component)
    held.set(root, made)
    const turn = made.update(component)
    return () => setTimeout(() => {
      const host = root instanceof ShadowRoot ? root.host : root
      if (turn !== made.turn || host.isConnected) return
      made.destroy()
      held.delete(root)
    }, 300)
  }
}
