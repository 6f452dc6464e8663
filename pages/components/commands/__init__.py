"""Finding one's way by keys: the palette for everything, the keys of lists and of the review, and their help."""
