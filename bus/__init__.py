"""NATS and nothing but NATS: names, streams, the connection, jobs, the router and the worker."""
