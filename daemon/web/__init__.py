"""The status page: a process of its own beside the service, which it reads and asks, and never slows."""
