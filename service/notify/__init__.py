"""Alerts to people: reads what workers have published and tells webhooks and Alertmanagers, losing none on the way."""
