"""`netspec cells`: the cells of the library or of a file, and all about one of them."""
