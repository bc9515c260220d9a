"""What people and programs may ask a running service over HTTP: its devices, alerts, models, health and metrics.

The worker tells, on its own thread (`news`, `alertbook`, `recorder`); requests are answered on others, from copies.
"""
