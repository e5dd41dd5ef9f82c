"""Loops as machine code for this processor, by LLVM.

code.py, rows.py      a loop as LLVM code; product.py, vector.py: matrix products and element-wise work in it
compile.py, cache.py  to machine code, kept on disk
run.py                called on tensors, on the threads of team.py, with the words of arguments.py
"""
