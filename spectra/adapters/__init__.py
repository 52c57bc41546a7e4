"""Adapters: each family implements the ports, and knows no other family and no service."""
