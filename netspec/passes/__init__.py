"""Graph -> Graph at inference, one file a pass: `declare.py` says what a pass is, `inference.py` runs them all."""
