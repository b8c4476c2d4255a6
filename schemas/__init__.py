"""The nouns: everything that travels between processes, and nothing that acts. Imports msgspec alone."""
