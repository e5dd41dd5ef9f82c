"""The intermediate representation: one step as a graph, its plan over time, its loops forward and backward."""
