"""The contract between Python and the browser: TypeScript types made from Python's, and what the scripts read of them."""
