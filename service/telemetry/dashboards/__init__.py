"""Dashboards, rules and the page of metrics, made from code beside the metrics that they name.

`python -m service.telemetry.dashboards FOLDER` writes them into a checkout; a test compares what is there with what
would be written, so neither a renamed metric nor an edit by hand goes unseen.
"""
