// A component's scripts are joined to one module when it is mounted; here the same is done, with names to try exported.
import { readFileSync } from "node:fs"

const ROOT = new URL("../../pages/components/", import.meta.url)

/** @param {string[]} files below pages/components @param {string[]} names */
export function load(files, names) {
  const text = files.map((file) => readFileSync(new URL(file, ROOT), "utf-8")).join("\n")
  return import(`data:text/javascript,${encodeURIComponent(`${text}\nexport { ${names.join(", ")} }`)}`)
}
