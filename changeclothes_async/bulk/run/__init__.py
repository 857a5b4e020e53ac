"""A run over a work: planned from the ledger, paid within its budget, saved, stopped in order.

Belongs here: what decides whether a cell is sent, and when a run ends.
Must not: talk to the network or to SQLite itself.
"""
