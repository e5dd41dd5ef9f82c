"""netspec inside git: what `netspec git install` writes, and what git then calls."""
