"""Do we decide as the reference implementation did?"""
