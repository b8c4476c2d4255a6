"""The measure: how fast the whole way is, against a direct relay in the same run. `python -m ops.bench`."""
