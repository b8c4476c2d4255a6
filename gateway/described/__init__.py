"""What the documents at `/openapi.json` and `/asyncapi.json` are made of: shapes, examples, and a note for each route."""
