"""The ledger: what was claimed, paid and saved, durably, in one SQLite file.

Belongs here: the states of a job, their one table of transitions, and all SQL.
Must not: know what a call is made of, or where it goes.
"""
