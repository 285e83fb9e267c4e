"""The dashboard: rollouts in a browser, live, with the verbs of the command line behind a login.

What is shown is made as text from the decider's state, without any web framework; only `frame`,
`asking`, `pages`, `login` and `server` know one.
"""
