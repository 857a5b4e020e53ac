"""What is said: pure values in, pure values out, so tables and Hypothesis."""
