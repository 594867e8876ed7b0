"""ctfy_rx measured side by side with other clients, and with the limit: ``python -m benchmarks``."""
