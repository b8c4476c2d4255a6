"""How a provider's slots are divided among its agent processes, so that their sum never passes the provider's limit.

Each agent announces what it holds (at least what is in flight); a newcomer takes its share only from what the others
have let go. Pure: the peers' announcements in, one number out.
"""


def share(total: int, me: str, others: dict[str, int]) -> int:
    """Slots for agent `me`, given the slots the other live agents of the provider announce."""
    names = sorted([me, *others])
    ideal = total // len(names) + (1 if names.index(me) < total % len(names) else 0)
    return max(0, min(ideal, total - sum(others.values())))
