"""Tests of evaluating rules."""
