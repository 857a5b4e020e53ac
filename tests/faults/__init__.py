"""The fault matrix: every fault, what the caller sees, and what the server could charge.

Here belong cases and the table made of them. A fault that another test shows is named with it.
"""
