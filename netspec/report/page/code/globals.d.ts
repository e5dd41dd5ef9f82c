/** The carried layout library, in a script element of its own. */
declare const dagre: {
  layout(graph: unknown): void;
  graphlib: { Graph: new (options: { multigraph: boolean }) => any };
};
