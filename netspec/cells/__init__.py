"""Recurrent cells by their equations: a compiler in seven rooms, in the order in which an equation goes.

functions/   what an equation may call: one row a function, with its gradient and its form for every target
language/    text -> located trees: syntax, expressions, declarations, sizes; the cells that netspec brings are read
             from library/, a YAML file each
ir/          one step as a graph of shared values, checked; its schedule, what stands before, in and after the loop over
             time; its gradient; the loop forward and backward, as data
recognise/   is the step an LSTM, a GRU or an RNN that torch and ONNX have as a whole?  One file an operator
kernels/     a loop as machine code: cpu/ by LLVM, gpu/ by Triton, or by torch's operations
             (interpret); choose.py says which
run/         a layer as a torch module: which way is taken, gradients, states that are carried on
onnx/        a layer in ONNX: a native operator, or a Scan

No room imports a later one, and torch is imported in kernels/ and run/ alone (`tests/test_rooms.py`).
"""
