"""keepcurrent: follow authors who write in threads, hear of each new thread once."""

__version__ = "0.1.0"
