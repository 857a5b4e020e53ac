"""The documentation's tests: what it shows runs, what it names exists, what exists is named."""
