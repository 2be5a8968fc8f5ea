"""Tests mirror `app/`; `model` is an independent account of what the contract says."""
