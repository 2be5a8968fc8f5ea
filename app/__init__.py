"""Kopilka."""
