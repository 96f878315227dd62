"""The billing engine: one story of business events folded into transactions, documents, journals.

Pure: no clock, no I/O. `engine.fold.tell` is the whole; the other modules are its steps.
"""
