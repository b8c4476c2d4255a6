"""The proof: kill everything at random, then count what was promised and what was kept. `python -m ops.prove`."""
