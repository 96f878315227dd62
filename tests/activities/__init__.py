"""Activities over the real store, with small outside systems in memory."""
