"""What runs a loop: generated code for processors and GPUs, and torch's operations where there is none."""
