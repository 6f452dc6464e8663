// Which fields of the contract no script reads. Prints one "Interface.field" a line and ends with 1 when there are any.
// A read is a property access, a destructured name or an element access with a fixed name, in a file that isn't a test.
import path from "node:path"
import process from "node:process"
import ts from "typescript"

const root = process.argv[2] ?? "."
const config = ts.readConfigFile(path.join(root, "tsconfig.json"), ts.sys.readFile)
const { fileNames, options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
const program = ts.createProgram(fileNames, options)
const checker = program.getTypeChecker()
const isContract = (file) => path.basename(file.fileName) === "seam.d.ts"
const read = new Set()

function see(symbol) {
  for (const declaration of symbol?.declarations ?? []) {
    if (ts.isPropertySignature(declaration) && isContract(declaration.getSourceFile())) read.add(declaration)
  }
}

function walk(node) {
  if (ts.isPropertyAccessExpression(node)) see(checker.getSymbolAtLocation(node.name))
  else if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
    see(checker.getTypeAtLocation(node.expression).getProperty(node.argumentExpression.text))
  } else if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword) {
    if (ts.isStringLiteralLike(node.left)) see(checker.getTypeAtLocation(node.right).getProperty(node.left.text))
  } else if (ts.isObjectBindingPattern(node)) {
    const type = checker.getTypeAtLocation(node)
    for (const element of node.elements) {
      const name = element.propertyName ?? element.name
      if (ts.isIdentifier(name) && !element.dotDotDotToken) {
        const kinds = type.isUnion() ? type.types : [type]
        for (const kind of kinds) see(kind.getProperty(name.text))
      }
    }
  }
  ts.forEachChild(node, walk)
}

const declared = []
for (const file of program.getSourceFiles()) {
  if (isContract(file)) {
    for (const statement of file.statements) {
      if (!ts.isInterfaceDeclaration(statement) || ["Payloads", "Components", "Answers", "Mounted"].includes(statement.name.text)) continue
      for (const member of statement.members) if (ts.isPropertySignature(member)) declared.push([statement.name.text, member])
    }
  } else if (!file.isDeclarationFile) walk(file)
}
const unread = declared.filter(([, member]) => !read.has(member)).map(([name, member]) => `${name}.${member.name.getText()}`)
if (unread.length) process.stdout.write(`${unread.join("\n")}\n`)
process.exitCode = unread.length ? 1 : 0
