"""Tests of the replay of real receipts."""
