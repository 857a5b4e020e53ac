"""Hours of use in minutes: many calls, faults and callers that leave; every charge accounted for.

    python -m tests.soak [CALLS] [SEED]

Here belong what runs long and measures itself. Must not: be collected as tests.
"""
