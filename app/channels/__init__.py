"""Channels that carry messages to customers (the port `Messages`): file_sink, a file to look into; smtp, mail.

A message holds a code and an address. Neither is logged here, and errors of servers aren't repeated: they may quote
both.
"""
