"""One folder per outside system, behind the ports of the canonical model."""
