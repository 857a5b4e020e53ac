"""One call, through a ledger or without, and many calls through one client.

Belongs here: the story of a call, who joins it, and how its end is written down.
Must not: know of grids, folders or pictures on the disk.
"""
