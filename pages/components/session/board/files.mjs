// Pictures and files for a judgement: pasted, dropped or chosen; kept by the server at once, named by the next verdict.
import { button, el, icon } from "./looks.mjs"

const MOST = 10 // of one judgement

export class Files {
  /** @type {{ key: string, name: string }[]} */
  held = []

  /** @param {{ root: HTMLElement, keep: (file: File) => Promise<FileJson>, open: () => boolean, say: (text: string) => void }} options */
  constructor({ root, keep, open, say }) {
    this.its = { keep, open, say }
    this.row = el("div", "files")
    this.row.hidden = true
    this.input = el("input")
    this.input.type = "file"
    this.input.multiple = true
    this.input.hidden = true
    this.input.onchange = () => {
      this.take(this.input.files)
      this.input.value = ""
    }
    root.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return
      event.preventDefault()
      root.classList.add("dropping")
    })
    root.addEventListener("dragleave", () => root.classList.remove("dropping"))
    root.addEventListener("drop", (event) => {
      event.preventDefault()
      root.classList.remove("dropping")
      this.take(event.dataTransfer?.files ?? null)
    })
    this.onPaste = (/** @type {ClipboardEvent} */ event) => {
      if (!event.clipboardData?.files.length || !root.isConnected || document.querySelector("[role=dialog]")) return
      event.preventDefault()
      this.take(event.clipboardData.files)
    }
    document.addEventListener("paste", this.onPaste)
  }

  choose() {
    if (this.its.open()) this.input.click()
  }

  /** @param {FileList | null} files */
  async take(files) {
    if (!files?.length || !this.its.open()) return
    for (const file of files) {
      if (this.held.length >= MOST) return this.its.say(`A judgement has up to ${MOST} files.`)
      try {
        const { key, name } = await this.its.keep(file)
        if (!this.held.some((one) => one.key === key)) this.held.push({ key, name })
        this.draw()
      } catch (error) {
        this.its.say(`${file.name || "The picture"} is not attached. ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }

  /** What is attached, for the judgement that takes it along. @returns {{ attachments?: string[] }} */
  use() {
    const attachments = this.held.map((one) => one.key)
    this.held = []
    this.draw()
    return attachments.length ? { attachments } : {}
  }

  draw() {
    this.row.hidden = !this.held.length
    this.row.replaceChildren(...this.held.map(({ key, name }) => button("chip", `Take ${name} off`, () => {
      this.held = this.held.filter((one) => one.key !== key)
      this.draw()
    }, icon("attach_file"), el("span", "", name), "×")))
  }

  destroy() {
    document.removeEventListener("paste", this.onPaste)
  }
}
