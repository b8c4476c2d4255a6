"""One file a dialect or noun: the routes, thin. The shared part is `gateway/answer.py`."""
