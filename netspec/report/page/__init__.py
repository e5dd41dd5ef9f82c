"""A network, or the difference of two, as a page for a browser: one file that asks for nothing.

`data` says what is shown, `assemble` puts it with the page's style and code (`page.html`, `page.css`, `code/`) into one
file.  `dagre/` is the layout library, carried as its authors publish it; `dagre/renew.sh` fetches and checks it.
"""
