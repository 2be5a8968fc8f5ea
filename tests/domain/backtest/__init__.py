"""Drafts tried on stored purchases."""
