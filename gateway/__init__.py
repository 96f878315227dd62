"""The webhook receiver and the relay that hands events to workflows."""
