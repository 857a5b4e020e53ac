"""Many calls, each paid at most once: the grid, the ledger, the run and what came out of it.

Here belong the jobs' states, their durable record and the order of work. What is said to the
service is `protocol`'s, how it is carried is `transport`'s; nothing here opens a connection.
"""
