"""The dashboard: rollouts in a browser, live, with the verbs of the command line behind a login.

Everything but `pages` and `server` is plain text in, plain text out, and needs no web framework.
"""
