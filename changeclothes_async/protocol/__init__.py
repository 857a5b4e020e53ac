"""What is said: jobs, pictures, bodies, answers and retry rules as plain values.

Belongs here: everything that can be decided from values alone.
Must not: open files or sockets, look at a clock, or await.
"""
