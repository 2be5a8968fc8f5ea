"""Tests of reading the document of a program."""
