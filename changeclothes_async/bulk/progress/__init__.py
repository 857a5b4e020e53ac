"""How a run is going: events, snapshots, and the bars that show them.

Belongs here: counting, and drawing what was counted.
Must not: decide anything about a run.
"""
