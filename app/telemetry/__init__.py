"""What the service tells about itself: log lines and metrics.

logs     one JSON (or console) line an event, request ids from context, no personal data; request_lines: a request's
metrics  every metric of the service by name, and their text for Prometheus, right with several workers
"""

from app.telemetry.logs import Thinned, configure_logging, log_last_exception, log_request, request_id
from app.telemetry.metrics import METRICS, METRICS_TYPE, Metrics, Reading, render_metrics

__all__ = [
    "METRICS",
    "METRICS_TYPE",
    "Metrics",
    "Reading",
    "Thinned",
    "configure_logging",
    "log_last_exception",
    "log_request",
    "render_metrics",
    "request_id",
]
