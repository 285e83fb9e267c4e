"""Is it fast and alert enough?"""
