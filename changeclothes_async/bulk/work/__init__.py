"""What is to be made: grids and batches, as rows and columns of jobs.

Belongs here: names of cells, and their jobs made when they are asked for.
Must not: send, or look at a ledger.
"""
