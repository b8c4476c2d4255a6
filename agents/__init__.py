"""One provider kind per file: pure functions from a job to a provider's call and back. Knows neither bus nor storage."""
