"""The tests: the same paths as the package; `peers`, `clocks` and `conftest` hold their tools."""
