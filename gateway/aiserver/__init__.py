"""The AI Server dialect: its requests at `/api/{Dto}` and `/json/reply/{Dto}`, answered by the house's own operations."""
