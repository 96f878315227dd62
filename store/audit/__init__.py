"""The audit trail: personal fields, seals, checkpoints, verification and explanation."""
