"""Measurements, always beside a named baseline of the same run. Nothing here is part of the service."""
