"""Process plumbing: settings, Temporal connection, logs, telemetry, local servers."""
