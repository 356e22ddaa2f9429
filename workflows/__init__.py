"""REMEMBER and ORDER: the durable processes. No clock, network, file or random choice of their own."""
