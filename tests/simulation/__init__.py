"""Does it hold when things break?"""
