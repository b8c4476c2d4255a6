"""The callers' wires: one file a dialect, pure translators between it and canonical chat (OpenAI's, a superset)."""
