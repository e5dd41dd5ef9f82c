"""A network as a picture: boxes in boxes (`tree`), where each stands (`layered`, `place`), how wide its text is.

`report/plot` writes it as SVG or DOT; `report/page` hands the same tree to a browser, which places it by itself.
"""
