"""The file formats that candles come in: one module a family, each with `recognises` and `read`."""
