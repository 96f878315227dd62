"""Outside systems in memory: they do what their ports promise, and lie as they are told."""
