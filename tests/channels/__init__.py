"""Tests of the channels that carry messages."""
