"""The arithmetic of the measuring scripts; what they measure is not tested, it is printed."""
