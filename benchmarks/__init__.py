"""What a call costs: a harness, a sink to send to, the peers, and one question a file.

Here belongs what measures. Nothing here asserts, and nothing of the package imports it.
"""
