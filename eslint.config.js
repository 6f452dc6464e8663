// Types and unknown names are the compiler's to find (`tsc`, strict); this finds what types can't.
import js from "@eslint/js"

export default [
  { ignores: ["node_modules/", ".venv/", "var/", "**/*.d.ts"] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2023, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-undef": "off",
      "no-unused-vars": "off",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML"].map((property) => ({ property, message: "Text from people is data: use textContent or nodes." })),

        { property: "insertAdjacentHTML", message: "Text from people is data: use nodes." },
      ],
      "eqeqeq": ["error", "always"],
      "no-var": "error",
      "prefer-const": "error",
      "no-shadow-restricted-names": "error",
      "no-promise-executor-return": "off",
      "no-self-compare": "error",
      "no-unmodified-loop-condition": "error",
      "no-constructor-return": "error",
      "no-template-curly-in-string": "error",
      "no-throw-literal": "error",
      "radix": "error",
    },
  },
]
